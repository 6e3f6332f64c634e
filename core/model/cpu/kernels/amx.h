// int8 linear layers on machines with AMX.
#ifndef VIDMUSE_MODEL_CPU_KERNELS_AMX_H_
#define VIDMUSE_MODEL_CPU_KERNELS_AMX_H_

#include "core/model/cpu/kernels/kernels.h"

namespace vidmuse::cpu {

// Does what Kernels::linear does. Only for processes in which AmxPermitted() (in kernels.cc) is
// true.
void LinearInt8Amx(const LinearArgs& args, int panel_begin, int panel_end);

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KERNELS_AMX_H_
