#include "core/model/checkpoint/pickle_globals.h"

namespace vidmuse {
namespace {

struct StorageClass {
  absl::string_view name;
  absl::string_view cuda_name;  // of a tensor that was on a GPU when it was saved
  DType dtype;
};

constexpr StorageClass kStorageClasses[] = {
    {"torch.FloatStorage", "torch.cuda.FloatStorage", DType::kFloat32},
    {"torch.HalfStorage", "torch.cuda.HalfStorage", DType::kFloat16},
    {"torch.BFloat16Storage", "torch.cuda.BFloat16Storage", DType::kBFloat16},
    {"torch.DoubleStorage", "torch.cuda.DoubleStorage", DType::kFloat64},
    {"torch.LongStorage", "torch.cuda.LongStorage", DType::kInt64},
    {"torch.IntStorage", "torch.cuda.IntStorage", DType::kInt32},
    {"torch.ShortStorage", "torch.cuda.ShortStorage", DType::kInt16},
    {"torch.CharStorage", "torch.cuda.CharStorage", DType::kInt8},
    {"torch.ByteStorage", "torch.cuda.ByteStorage", DType::kUint8},
    {"torch.BoolStorage", "torch.cuda.BoolStorage", DType::kBool},
};

}  // namespace

std::optional<PickleGlobal> FindPickleGlobal(absl::string_view name) {
  for (const absl::string_view known : {kOrderedDict, kRebuildTensor, kRebuildParameter}) {
    if (name == known) return PickleGlobal{known, std::nullopt};
  }
  for (const StorageClass& storage : kStorageClasses) {
    if (name == storage.name || name == storage.cuda_name) {
      return PickleGlobal{storage.name, storage.dtype};
    }
  }
  return std::nullopt;
}

}  // namespace vidmuse
