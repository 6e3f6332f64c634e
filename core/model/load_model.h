// Opens a checkpoint directory as a model that is ready to run.
#ifndef VIDMUSE_MODEL_LOAD_MODEL_H_
#define VIDMUSE_MODEL_LOAD_MODEL_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/model/checkpoint/tensor_file.h"
#include "core/model/music_model.h"

namespace vidmuse {

struct ModelOptions {
  // state_dict.bin, compression_state_dict.bin and, if there is one, license_note.txt.
  std::string model_dir;
  std::string codec_dir;       // Hugging Face EnCodec directory; empty: model_dir/encodec_32khz
  std::string name;            // empty: the last part of model_dir
  std::string device = "cpu";  // or "cuda:0", ..., one that ChooseDevices chose
  // "fp32", "bf16", "fp16" or "int8". Empty: fp32 for models so small that a step takes 2 ms at
  // most, int8 for others.
  std::string precision;
  int device_threads = 0;  // threads of a decoding step; 0: one a core (one, if the model is tiny)
  int encode_threads = 0;  // threads that encode videos and open windows; 0: one a core
  int slots = 8;           // windows that a GPU has room for
  // What a GPU runs, on the CPU as well: for tests, and for the self-test.
  bool device_code = false;
};

// INVALID_ARGUMENT names the option, or the file and the tensor or setting in it; NOT_FOUND the
// file or tensor that is missing; FAILED_PRECONDITION: a device that this build doesn't run on;
// RESOURCE_EXHAUSTED: out of memory.
absl::StatusOr<std::unique_ptr<MusicModel>> LoadModel(const ModelOptions& options);

// The same from files that are open: `lm` as state_dict.bin, `codec` as audiocraft's
// compression_state_dict.bin. `options.model_dir` and `codec_dir` are ignored.
absl::StatusOr<std::unique_ptr<MusicModel>> LoadModelFromFiles(std::unique_ptr<TensorFile> lm,
                                                               std::unique_ptr<TensorFile> codec,
                                                               const ModelOptions& options);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_LOAD_MODEL_H_
