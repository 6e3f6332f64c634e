// What a model's tokens and bytes depend on, in one string.
#ifndef VIDMUSE_MODEL_FINGERPRINT_H_
#define VIDMUSE_MODEL_FINGERPRINT_H_

#include <string>
#include <vector>

#include "core/model/checkpoint/model_config.h"

namespace vidmuse {

// What differs from model to model, and from device to device.
struct FingerprintParts {
  LmConfig lm;
  CodecConfig codec;
  std::string weights;          // WeightReader::Digest of the token model and the conditioner
  std::string codec_weights;    // likewise, of the codec
  std::string precision;        // of the token model
  std::string video_precision;  // of the conditioner
  std::string codec_precision;
  // Who computes: the kernels' name, or the GPU's and how many rows it computes at once; LibTorch
  // and what it uses of the CPU.
  std::string arithmetic;
  // The condition of a black video. It is a sum of products of every shape that the conditioner
  // has, so libraries that sum in another order, or round otherwise, show in its bits.
  std::vector<float> null_condition;
};

// Two models with the same string give the same tokens and the same bytes for the same request. To
// the parts it adds what is the same for the whole process: the media libraries, the C library, the
// compiler, and the format of ResumePoint. Opaque: 32 hexadecimal digits. Throws std::bad_alloc.
std::string Fingerprint(const FingerprintParts& parts);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_FINGERPRINT_H_
