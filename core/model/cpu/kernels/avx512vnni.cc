#define VIDMUSE_KERNELS_NAME "avx512vnni"
#define VIDMUSE_KERNELS_FUSED true
#define VIDMUSE_KERNELS_SYMBOL kAvx512VnniKernels
#include "core/model/cpu/kernels/impl.h"
