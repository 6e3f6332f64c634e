// Reads models in the published file formats for training, and writes them.
#ifndef VIDMUSE_TRAIN_MODEL_FILES_H_
#define VIDMUSE_TRAIN_MODEL_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/architecture/model_config.h"
#include "core/model/synthetic/hash_model.h"
#include "core/train/parameters.h"

namespace vidmuse::train {

// A network's weights, under audiocraft's names, with the configuration that its file holds as
// xp.cfg.
struct CodecModel {
  // Number type in the file: kFloat16 or kFloat32.
  DType type = DType::kFloat16;
  // The configuration. Empty if the codec was read from a Hugging Face directory, which has no
  // YAML.
  std::string yaml;
  CodecConfig config;
  Parameters parameters;
};
struct TokenModel {
  // Number type in the file: kFloat16 or kFloat32.
  DType type = DType::kFloat16;
  std::string yaml;
  LmConfig config;
  Parameters parameters;
};

// Models with random weights. They lack the text tensors that the published files contain but
// nothing reads.
absl::StatusOr<CodecModel> NewCodec(const HashModelSizes& sizes, uint64_t seed);
absl::StatusOr<TokenModel> NewTokenModel(const HashModelSizes& sizes, uint64_t seed);

// Reads the codec that the server would use for `directory` (see OpenCodec), with its encoder.
// Errors name the file, and the tensor or setting in it.
absl::StatusOr<CodecModel> ReadCodec(const std::string& directory,
                                     const std::string& codec_dir = "");
// Reads DIRECTORY/state_dict.bin. Errors are as for ReadCodec.
absl::StatusOr<TokenModel> ReadTokenModel(const std::string& directory);

// FAILED_PRECONDITION if the codec was read from a Hugging Face directory: it can't be written.
absl::Status CheckWritable(const CodecModel& model);
// Write the model's file to `directory`. New models are float16, like the published ones; a model
// read from a file with wider numbers stays float32, because training steps can be too small for
// float16. The file is either complete or not written. INVALID_ARGUMENT names a tensor with a
// number too large for float16.
absl::Status WriteCodec(const CodecModel& model, const std::string& directory);
absl::Status WriteTokenModel(const TokenModel& model, const std::string& directory);

// Copies the files of the codec that ReadCodec(from, codec_dir) reads, unchanged, so that the
// server needs only `directory` to find it.
absl::Status CopyCodec(const std::string& from, const std::string& codec_dir,
                       const std::string& directory);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_MODEL_FILES_H_
