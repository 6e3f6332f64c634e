#define VIDMUSE_KERNELS_NAME "avx2"
#define VIDMUSE_KERNELS_FUSED true
#define VIDMUSE_KERNELS_SYMBOL kAvx2Kernels
#include "core/model/cpu/kernels/impl.h"
