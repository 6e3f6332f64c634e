// Reads a model's weights by name and checks them against what the model expects.
#ifndef VIDMUSE_MODEL_CHECKPOINT_WEIGHT_READER_H_
#define VIDMUSE_MODEL_CHECKPOINT_WEIGHT_READER_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/mutex.h"
#include "core/model/architecture/tensors.h"
#include "core/model/checkpoint/tensor_file.h"

namespace vidmuse {

// Reads tensors of one checkpoint file as float32 and remembers which were used. Errors name the
// file and the tensor. Thread-safe.
class WeightReader {
 public:
  // `prefix` precedes every name, for example "best_state/". `file` must outlive the reader.
  WeightReader(const TensorFile* file, std::string prefix);

  bool Has(absl::string_view name) const;

  // Returns the tensor's shape. NOT_FOUND: it is missing.
  absl::StatusOr<std::vector<int64_t>> Shape(absl::string_view name);

  // Returns the tensor's values, row-major. NOT_FOUND: it is missing. INVALID_ARGUMENT: it has
  // another shape, its type isn't a floating-point one, or a value isn't finite. DATA_LOSS: the
  // file was truncated after it was opened, or the disk fails.
  absl::StatusOr<std::vector<float>> Read(absl::string_view name,
                                          const std::vector<int64_t>& shape);
  absl::StatusOr<std::vector<float>> Read(const NamedShape& tensor) {
    return Read(tensor.name, tensor.shape);
  }

  // INVALID_ARGUMENT names tensors that were never used, except those whose name contains one of
  // `ignored`.
  absl::Status CheckAllUsed(const std::vector<std::string>& ignored) const;

  // Number of values read so far, each counted once.
  int64_t parameters() const;

  // A hash of every tensor read so far: its name and its values as float32. Neither the order of
  // reading nor the type in the file matters. 32 hexadecimal digits.
  std::string Digest() const;

 private:
  absl::StatusOr<const TensorView*> Find(absl::string_view name);

  const TensorFile* const file_;
  const std::string prefix_;
  mutable Mutex mutex_;
  std::set<std::string> used_ ABSL_GUARDED_BY(mutex_);
  int64_t parameters_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::string> hashes_ ABSL_GUARDED_BY(mutex_);  // by name
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CHECKPOINT_WEIGHT_READER_H_
