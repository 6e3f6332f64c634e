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
#include "core/model/checkpoint/tensor_file.h"
#include "core/model/checkpoint/torch_file_writer.h"
#include "core/model/hash_model/hash_values.h"

namespace vidmuse::train {

// Used by one thread at a time. Copies share their tensors.
class Parameters {
 public:
  struct Entry {
    std::string name;
    at::Tensor tensor;
  };

  // New weights, float32, in the layout's order: the seed's. Norms are identities, biases zero.
  static Parameters Initialize(const std::vector<NamedShape>& layout, uint64_t seed);

  void Add(std::string name, at::Tensor tensor);

  bool Has(absl::string_view name) const { return index_.contains(name); }
  // Throws std::out_of_range, naming the tensor that is missing.
  const at::Tensor& operator[](absl::string_view name) const;

  const std::vector<Entry>& entries() const { return entries_; }

  // A deep copy without gradients.
  Parameters Clone() const;
  // Without gradients; tensors that are there already, in that type, are shared.
  Parameters To(at::Device device, at::ScalarType type) const;

  // Overwrites every tensor by `file`'s tensor that `name_in_file` says, or of the name `prefix` +
  // name. NOT_FOUND, INVALID_ARGUMENT: missing, or another shape.
  absl::Status ReadFrom(const TensorFile& file,
                        absl::FunctionRef<std::string(const std::string&)> name_in_file) const;
  absl::Status ReadFrom(const TensorFile& file, const std::string& prefix) const;
  // Writes all as `type`, kFloat32 or kFloat16; what the published files keep in float32 stays so.
  // INVALID_ARGUMENT: a number is too large for float16.
  absl::Status WriteTo(TorchFileWriter& writer, const std::string& prefix, DType type) const;

 private:
  std::vector<Entry> entries_;
  std::map<std::string, size_t, std::less<>> index_;
};

// Whether gradients change the tensor of that name: not codebooks, nor what the networks never
// read.
bool IsTrainable(absl::string_view name);

// Runs `body`; Torch's and the standard library's exceptions end here: RESOURCE_EXHAUSTED when
// memory is short, else INTERNAL.
absl::Status CatchTorch(absl::FunctionRef<absl::Status()> body);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_PARAMETERS_H_
