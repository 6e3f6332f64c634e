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
  // Directory with state_dict.bin, compression_state_dict.bin and, optionally, license_note.txt.
  std::string model_dir;
  // Directory of the Hugging Face EnCodec. If empty, it is model_dir/encodec_32khz.
  std::string codec_dir;
  // The model's name. If empty, it is the last part of model_dir.
  std::string name;
  // What files say of their origin (see GeneratorOptions), which is a part of the fingerprint.
  std::string server_version;
  std::string origin_text;
  // "cpu", or a GPU that ChooseDevices chose: "cuda:0", "cuda:1", ...
  std::string device = "cpu";
  // "fp32", "bf16", "fp16" or, on a CPU, "int8". If empty, it is fp16 on a GPU; on a CPU it is fp32
  // for models so small that a step takes at most 2 ms, and int8 for others.
  std::string precision;
  // Threads of a decoding step. 0: one per core, or a single one if the model is tiny.
  int device_threads = 0;
  // Threads that encode videos and open windows. 0: one per core.
  int encode_threads = 0;
  // Number of windows that fit into a GPU's memory at the same time.
  int slots = 8;
  // Runs the GPU's code on the CPU, for tests and for the self-test.
  bool device_code = false;
};

// INVALID_ARGUMENT names the option, or the file and the tensor or setting in it. NOT_FOUND names
// the file or tensor that is missing. FAILED_PRECONDITION: this build doesn't run on the device.
// RESOURCE_EXHAUSTED: out of memory.
absl::StatusOr<std::unique_ptr<MusicModel>> LoadModel(const ModelOptions& options);

// Like LoadModel, but from open files: `lm` is a state_dict.bin and `codec` an audiocraft
// compression_state_dict.bin. Ignores `options.model_dir` and `options.codec_dir`.
absl::StatusOr<std::unique_ptr<MusicModel>> LoadModelFromFiles(std::unique_ptr<TensorFile> lm,
                                                               std::unique_ptr<TensorFile> codec,
                                                               const ModelOptions& options);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_LOAD_MODEL_H_
