#define VIDMUSE_KERNELS_NAME "avx512"
#define VIDMUSE_KERNELS_FUSED true
#define VIDMUSE_KERNELS_SYMBOL kAvx512Kernels
#include "core/model/cpu/kernels/impl.h"
