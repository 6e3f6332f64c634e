#define VIDMUSE_KERNELS_NAME "base"
#define VIDMUSE_KERNELS_FUSED false
#define VIDMUSE_KERNELS_SYMBOL kBaseKernels
#include "core/model/cpu/kernels/impl.h"
