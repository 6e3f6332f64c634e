// Writes tensors and strings as a `torch.save` file, for torch.load (also with weights_only) and
// TensorFile.
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

// The file contains a dict. As in TensorFile, the name "best_state/emb.0.weight" means the key
// "emb.0.weight" of an OrderedDict "best_state" in it; all that follows a name's first '/' is one
// key. The file appears at `path` only when it is complete. Without Finish, nothing is left behind.
// Used by one thread.
class TorchFileWriter {
 public:
  static absl::StatusOr<std::unique_ptr<TorchFileWriter>> Create(const std::string& path);

  // Writes the tensor's bytes; `tensor` isn't needed afterwards. INVALID_ARGUMENT: the name was
  // used before.
  absl::Status AddTensor(absl::string_view name, const TensorView& tensor);
  absl::Status AddString(absl::string_view name, absl::string_view text);
  // `value`: any value, in the opcodes of pickle's protocol 2.
  absl::Status AddPickled(absl::string_view name, absl::string_view value);

  // Completes the file. Nothing may be called afterwards.
  absl::Status Finish();

 private:
  explicit TorchFileWriter(std::unique_ptr<ZipWriter> zip) : zip_(std::move(zip)) {}

  const std::unique_ptr<ZipWriter> zip_;
  int64_t storages_ = 0;
  std::set<std::string> names_;
  // Pickled keys and values, by the name of their dict. The outer dict's name is "".
  std::map<std::string, std::string> items_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CHECKPOINT_TORCH_FILE_WRITER_H_
