// A model's weights by name, checked against what the model expects.
#ifndef VIDMUSE_MODEL_WEIGHTS_WEIGHT_READER_H_
#define VIDMUSE_MODEL_WEIGHTS_WEIGHT_READER_H_

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
#include "core/model/checkpoint/tensor_file.h"

namespace vidmuse {

// Reads tensors of one checkpoint file as float32 and remembers which were asked for. Errors name
// the file and the tensor. Thread-safe.
class WeightReader {
 public:
  // `prefix` comes before every name: "best_state/". `file` outlives the reader.
  WeightReader(const TensorFile* file, std::string prefix);

  bool Has(absl::string_view name) const;

  // The tensor's shape. NOT_FOUND if it is missing.
  absl::StatusOr<std::vector<int64_t>> Shape(absl::string_view name);

  // The tensor's values, row-major. NOT_FOUND: missing; INVALID_ARGUMENT: another shape, not a
  // float type, or a value that isn't finite; DATA_LOSS: the file was cut short since it was
  // opened.
  absl::StatusOr<std::vector<float>> Read(absl::string_view name,
                                          const std::vector<int64_t>& shape);

  // INVALID_ARGUMENT names tensors that nothing asked for, unless their name contains one of
  // `ignored`.
  absl::Status CheckAllUsed(const std::vector<std::string>& ignored) const;

  // Values read so far.
  int64_t parameters() const;

  // A hash of what was read so far: every tensor's name and values, as float32. Neither the order
  // of reading nor the type in the file matters. 32 hexadecimal digits.
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

#endif  // VIDMUSE_MODEL_WEIGHTS_WEIGHT_READER_H_
