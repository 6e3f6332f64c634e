// A network's tensors by their published names.
#ifndef VIDMUSE_TRAIN_PARAMETERS_H_
#define VIDMUSE_TRAIN_PARAMETERS_H_

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/model/architecture/tensors.h"
#include "core/model/checkpoint/tensor_file.h"
#include "core/model/checkpoint/torch_file_writer.h"

namespace vidmuse::train {

// A list of named tensors. Copies share their tensors. Not thread-safe.
class Parameters {
 public:
  struct Entry {
    std::string name;
    at::Tensor tensor;
  };

  // New float32 weights, in the layout's order, drawn from `seed`. Norms start as identities and
  // biases as zeros.
  static Parameters Initialize(const std::vector<NamedShape>& layout, uint64_t seed);

  void Add(std::string name, at::Tensor tensor);

  bool Has(absl::string_view name) const { return index_.contains(name); }
  // Throws std::out_of_range, which names the tensor, if there is none of that name.
  const at::Tensor& operator[](absl::string_view name) const;

  const std::vector<Entry>& entries() const { return entries_; }

  // A deep copy without gradients.
  Parameters Clone() const;
  // A copy without gradients on `device` in `type`. Tensors that need no conversion are shared.
  Parameters To(at::Device device, at::ScalarType type) const;

  // Overwrites every tensor with the one that `file` holds under name_in_file(name), or under
  // prefix + name. NOT_FOUND if the file lacks it, INVALID_ARGUMENT if its shape differs.
  absl::Status ReadFrom(const TensorFile& file,
                        absl::FunctionRef<std::string(const std::string&)> name_in_file) const;
  absl::Status ReadFrom(const TensorFile& file, const std::string& prefix) const;
  // Writes all tensors as `type`, kFloat32 or kFloat16; those that are float32 in the published
  // files stay float32. INVALID_ARGUMENT if a number is too large for float16.
  absl::Status WriteTo(TorchFileWriter& writer, const std::string& prefix, DType type) const;

 private:
  std::vector<Entry> entries_;
  std::map<std::string, size_t, std::less<>> index_;
};

// Whether training changes the tensor of that name by gradients: false for codebooks and for
// tensors that the networks never read.
bool IsTrainable(absl::string_view name);

// Runs `body` and turns exceptions of Torch and the standard library into errors:
// RESOURCE_EXHAUSTED for std::bad_alloc, otherwise INTERNAL.
absl::Status CatchTorch(absl::FunctionRef<absl::Status()> body);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_PARAMETERS_H_
