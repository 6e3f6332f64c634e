// The description of a loaded model.
#ifndef VIDMUSE_MODEL_INFO_H_
#define VIDMUSE_MODEL_INFO_H_

#include <cstdint>
#include <string>

namespace vidmuse {

struct ModelInfo {
  std::string name;
  std::string scale;  // "small", "medium", "large" or "custom"
  int64_t parameters = 0;
  std::string device;     // "cpu", "cuda:0"
  std::string precision;  // "fp32", ...
  int sample_rate = 32000;
  int channels = 1;
  int frame_rate = 50;  // token frames a second
  int samples_per_frame = 640;
  int codebooks = 4;
  int card = 2048;  // tokens per codebook
  float default_cfg_coef = 3.0f;
  int window_seconds = 30;  // longest stretch generated with one condition
  int step_graphs = 0;      // step shapes recorded as CUDA graphs
  // Two models with equal fingerprints give the same tokens and the same bytes (see music.proto).
  std::string fingerprint;
  std::string license_note;    // from the model's folder; empty: it has none
  bool step_kernels = false;   // steps run by this project's CUDA kernels
  bool encodes_audio = false;  // the codec has an encoder, which a prompt needs
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_INFO_H_
