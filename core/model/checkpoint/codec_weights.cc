#include "core/model/checkpoint/codec_weights.h"

#include <cmath>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace vidmuse {

std::string CodecNameInFile(CodecNames names, const std::string& name,
                            absl::FunctionRef<bool(const std::string&)> has) {
  std::string in_file = names == CodecNames::kHuggingFace ? HuggingFaceCodecName(name) : name;
  if (has(in_file)) return in_file;
  std::string parametrized = ParametrizedName(in_file);
  return has(parametrized) ? parametrized : in_file;
}

std::string CodecWeights::NameInFile(const NamedShape& tensor) const {
  return CodecNameInFile(names_, tensor.name,
                         [this](const std::string& other) { return reader_->Has(other); });
}

bool CodecWeights::Has(const NamedShape& tensor) const { return reader_->Has(NameInFile(tensor)); }

absl::StatusOr<std::vector<float>> CodecWeights::Read(const NamedShape& tensor) const {
  return reader_->Read(NameInFile(tensor), tensor.shape);
}

absl::StatusOr<std::vector<float>> CodecWeights::ReadWeight(const ConvTensors& conv) const {
  ASSIGN_OR_RETURN(const std::vector<float> gain, Read(conv.gain));
  ASSIGN_OR_RETURN(std::vector<float> weight, Read(conv.direction));
  const int64_t columns = static_cast<int64_t>(weight.size() / gain.size());
  for (size_t r = 0; r < gain.size(); ++r) {
    float* row = weight.data() + r * columns;
    double squares = 0;
    for (int64_t i = 0; i < columns; ++i) squares += double{row[i]} * row[i];
    if (squares == 0) {
      return absl::InvalidArgumentError(absl::StrCat("tensor '", conv.direction.name, "': row ", r,
                                                     " is all zero, so it has no direction"));
    }
    const float factor = gain[r] / static_cast<float>(std::sqrt(squares));
    for (int64_t i = 0; i < columns; ++i) row[i] *= factor;
  }
  return weight;
}

}  // namespace vidmuse
