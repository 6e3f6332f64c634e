// Reads the format that torch.save wrote before version 1.6: pickles, then the storages.
#ifndef VIDMUSE_MODEL_CHECKPOINT_LEGACY_TORCH_FILE_H_
#define VIDMUSE_MODEL_CHECKPOINT_LEGACY_TORCH_FILE_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/model/checkpoint/pickle.h"

namespace vidmuse {

bool IsLegacyTorchFile(absl::string_view bytes);

struct LegacyTorchFile {
  Pickle pickle;                                      // of the saved value
  std::map<std::string, absl::string_view> storages;  // parts of the file, by key
};

// INVALID_ARGUMENT: the file is truncated or damaged, or holds other values that are refused. What
// follows the last storage is ignored, as torch.load does.
absl::StatusOr<LegacyTorchFile> ReadLegacyTorchFile(absl::string_view bytes, OtherValues other);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CHECKPOINT_LEGACY_TORCH_FILE_H_
