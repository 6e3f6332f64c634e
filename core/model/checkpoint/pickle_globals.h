// The names in a pickle that make tensors and dicts.
#ifndef VIDMUSE_MODEL_CHECKPOINT_PICKLE_GLOBALS_H_
#define VIDMUSE_MODEL_CHECKPOINT_PICKLE_GLOBALS_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "core/model/checkpoint/tensor_file.h"

namespace vidmuse {

inline constexpr absl::string_view kOrderedDict = "collections.OrderedDict";
inline constexpr absl::string_view kRebuildTensor = "torch._utils._rebuild_tensor_v2";
inline constexpr absl::string_view kRebuildParameter = "torch._utils._rebuild_parameter";

struct PickleGlobal {
  absl::string_view name;      // constant, with its module: "torch.FloatStorage"
  std::optional<DType> dtype;  // of a storage class
};

// Returns the name's entry in the fixed list, or nothing if it isn't there.
std::optional<PickleGlobal> FindPickleGlobal(absl::string_view name);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CHECKPOINT_PICKLE_GLOBALS_H_
