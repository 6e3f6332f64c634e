// Reads named tensors of a checkpoint file in place, without Torch. No code in a file is executed.
#ifndef VIDMUSE_MODEL_CHECKPOINT_TENSOR_FILE_H_
#define VIDMUSE_MODEL_CHECKPOINT_TENSOR_FILE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace vidmuse {

enum class DType {
  kFloat32,
  kFloat16,
  kBFloat16,
  kFloat64,
  kInt64,
  kInt32,
  kInt16,
  kInt8,
  kUint8,
  kBool
};

int DTypeSize(DType dtype);
const char* DTypeName(DType dtype);

// A contiguous (row-major) tensor whose bytes live as long as the TensorFile that it came from.
// They are little-endian and may be unaligned.
struct TensorView {
  DType dtype = DType::kFloat32;
  std::vector<int64_t> shape;
  const void* data = nullptr;

  int64_t elements() const;
  // Returns the shape as text, for example "[4, 64]".
  std::string ShapeString() const;
};

// What becomes of values in a file that are neither tensors, strings, numbers nor containers of
// such, for example the optimizer's settings, or a class and its arguments. Neither runs any code.
enum class OtherValues {
  kRefuse,  // the file is an error
  kSkip,    // they are left out
};

// A checkpoint file with tensors, strings and numbers by name. Immutable and thread-safe. As the
// file is mapped, reading a tensor's `data` kills the process if the file was truncated after it
// was opened. ReadBytes returns an error instead.
class TensorFile {
 public:
  // Reads a `torch.save` file, a zip or in the legacy format of versions before 1.6 (a pickle
  // subset: tensors, strings, numbers, containers, OrderedDict, and others as `other` says).
  // The name of a tensor or string in nested dicts is its keys joined by '/', for example
  // "best_state/emb.0.weight"; in a flat dict it is the key. A string or number in a list or tuple
  // of up to kMaxListed items has its place as the last key: "sources/0". Numbers are integers,
  // booleans (0 or 1), floats and, if `other` is kSkip, fractions.Fraction. NOT_FOUND: there is no
  // such file.
  // INVALID_ARGUMENT says what is wrong and where (truncated, a global that isn't
  // allowed, offsets outside the file, ...).
  static absl::StatusOr<std::unique_ptr<TensorFile>> OpenTorch(
      const std::string& path, OtherValues other = OtherValues::kRefuse);
  // Reads a .safetensors file.
  static absl::StatusOr<std::unique_ptr<TensorFile>> OpenSafetensors(const std::string& path);

  // Parse bytes that the caller keeps alive, for fuzzers and tests. `name` is used in errors.
  static absl::StatusOr<std::unique_ptr<TensorFile>> ParseTorch(
      absl::string_view bytes, const std::string& name, OtherValues other = OtherValues::kRefuse);
  static absl::StatusOr<std::unique_ptr<TensorFile>> ParseSafetensors(absl::string_view bytes,
                                                                      const std::string& name);

  static constexpr size_t kMaxListed = 64;

  virtual ~TensorFile() = default;
  virtual const std::map<std::string, TensorView>& tensors() const = 0;
  virtual const std::map<std::string, std::string>& strings() const = 0;
  // Empty unless OpenTorch or ParseTorch read the file.
  virtual const std::map<std::string, double>& numbers() const;
  virtual const std::string& name() const = 0;
  // Copies bytes [first, first + bytes) of the tensor. DATA_LOSS: the file was truncated after it
  // was opened, or the disk fails.
  virtual absl::Status ReadBytes(const TensorView& tensor, int64_t first, size_t bytes,
                                 char* out) const;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CHECKPOINT_TENSOR_FILE_H_
