// Reads a codec's weights under whichever names its file has.
#ifndef VIDMUSE_MODEL_CHECKPOINT_CODEC_WEIGHTS_H_
#define VIDMUSE_MODEL_CHECKPOINT_CODEC_WEIGHTS_H_

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "core/model/architecture/codec_tensors.h"
#include "core/model/checkpoint/weight_reader.h"

namespace vidmuse {

// The name in a file of the tensor that audiocraft calls `name`. `has` tells whether the file has a
// tensor of a name.
std::string CodecNameInFile(CodecNames names, const std::string& name,
                            absl::FunctionRef<bool(const std::string&)> has);

// Thread-safe.
class CodecWeights {
 public:
  // `reader` must outlive this.
  CodecWeights(CodecNames names, WeightReader* reader) : names_(names), reader_(reader) {}

  bool Has(const NamedShape& tensor) const;
  // See WeightReader::Read.
  absl::StatusOr<std::vector<float>> Read(const NamedShape& tensor) const;
  // Returns a convolution's weight, in the shape of its direction, with the weight norm folded in.
  // INVALID_ARGUMENT names the tensor and the row that is all zero, so that it has no direction.
  absl::StatusOr<std::vector<float>> ReadWeight(const ConvTensors& conv) const;

 private:
  std::string NameInFile(const NamedShape& tensor) const;

  const CodecNames names_;
  WeightReader* const reader_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CHECKPOINT_CODEC_WEIGHTS_H_
