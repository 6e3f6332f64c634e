// Linear layers of int8 on machines with AMX.
#ifndef VIDMUSE_MODEL_CPU_KERNELS_AMX_H_
#define VIDMUSE_MODEL_CPU_KERNELS_AMX_H_

#include "core/model/cpu/kernels.h"

namespace vidmuse::cpu {

// As Kernels::linear; for processes that AmxPermitted() lets use it.
void LinearInt8Amx(const LinearArgs& args, int panel_begin, int panel_end);

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KERNELS_AMX_H_
