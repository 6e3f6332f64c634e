// One string for everything that a model's tokens and bytes depend on.
#ifndef VIDMUSE_MODEL_FINGERPRINT_H_
#define VIDMUSE_MODEL_FINGERPRINT_H_

#include <string>
#include <vector>

#include "core/base/origin_mark.h"
#include "core/model/architecture/model_config.h"

namespace vidmuse {

// The parts that differ between models or between devices.
struct FingerprintParts {
  Origin origin;  // that every file names; the seed doesn't count
  LmConfig lm;
  CodecConfig codec;
  std::string weights;          // WeightReader::Digest of the token model and the conditioner
  std::string codec_weights;    // WeightReader::Digest of the codec
  std::string precision;        // of the token model
  std::string video_precision;  // of the conditioner
  std::string codec_precision;
  // What computes: the kernels' name, or the GPU's name and how many rows it computes at once, and
  // LibTorch's version and the instruction set that it uses.
  std::string arithmetic;
  // The condition of a black video. It is a sum of products of every shape that the conditioner
  // has, so libraries that sum in another order, or round otherwise, show in its bits.
  std::vector<float> null_condition;
};

// Two models with the same string give the same tokens and the same bytes for the same request.
// Besides the parts, it covers what is the same for the whole process: the media libraries, the C
// library, the compiler, and the format of ResumePoint. The string is opaque: 32 hexadecimal
// digits. Throws std::bad_alloc.
std::string Fingerprint(const FingerprintParts& parts);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_FINGERPRINT_H_
