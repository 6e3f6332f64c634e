// Opens a checkpoint directory as a model that is ready to run.
#ifndef VIDMUSE_MODEL_LOAD_MODEL_H_
#define VIDMUSE_MODEL_LOAD_MODEL_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/model/music_model.h"

namespace vidmuse {

struct ModelOptions {
  std::string model_dir;  // state_dict.bin and compression_state_dict.bin
  std::string codec_dir;  // Hugging Face EnCodec directory; empty: model_dir/encodec_32khz
  std::string name;       // empty: the last part of model_dir
  std::string device = "auto";
  std::string precision;   // empty: the device's best
  int device_threads = 0;  // threads of a decoding step; 0: one a core
};

// Errors name the file and the tensor or option.
absl::StatusOr<std::unique_ptr<MusicModel>> LoadModel(const ModelOptions& options);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_LOAD_MODEL_H_
