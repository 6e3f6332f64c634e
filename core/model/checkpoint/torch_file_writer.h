// Writes tensors and strings as a `torch.save` file, which torch.load (weights_only too) and
// TensorFile read.
#ifndef VIDMUSE_MODEL_CHECKPOINT_TORCH_FILE_WRITER_H_
#define VIDMUSE_MODEL_CHECKPOINT_TORCH_FILE_WRITER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/model/checkpoint/tensor_file.h"
#include "core/model/checkpoint/zip_writer.h"

namespace vidmuse {

// The file holds a dict. As in TensorFile, a name "best_state/emb.0.weight" is the key
// "emb.0.weight" of the OrderedDict "best_state" in it; what follows a name's first '/' is one key.
// The file appears at `path` when it is whole; without Finish, nothing stays behind. Used by one
// thread.
class TorchFileWriter {
 public:
  static absl::StatusOr<std::unique_ptr<TorchFileWriter>> Create(const std::string& path);

  // Writes the tensor's bytes; `tensor` isn't needed after that. INVALID_ARGUMENT: a name that was
  // there before.
  absl::Status AddTensor(absl::string_view name, const TensorView& tensor);
  absl::Status AddString(absl::string_view name, absl::string_view text);

  // Nothing may be called after it.
  absl::Status Finish();

 private:
  explicit TorchFileWriter(std::unique_ptr<ZipWriter> zip) : zip_(std::move(zip)) {}

  // Adds `value`, in pickle's opcodes, to the dict that `name` says.
  absl::Status AddPickled(absl::string_view name, absl::string_view value);

  const std::unique_ptr<ZipWriter> zip_;
  int64_t storages_ = 0;
  std::set<std::string> names_;
  std::map<std::string, std::string>
      items_;  // pickled keys and values by the dict they are in; "": the outer
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CHECKPOINT_TORCH_FILE_WRITER_H_
