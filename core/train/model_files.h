// Models in the published files: written, and read to be trained on.
#ifndef VIDMUSE_TRAIN_MODEL_FILES_H_
#define VIDMUSE_TRAIN_MODEL_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/checkpoint/model_config.h"
#include "core/model/hash_model/hash_model.h"
#include "core/train/parameters.h"

namespace vidmuse::train {

// A network's weights with the configuration that its file holds as xp.cfg. Names are audiocraft's.
// `type`: of its numbers in a file, kFloat16 or kFloat32.
struct CodecModel {
  DType type = DType::kFloat16;
  std::string yaml;  // empty: read from a Hugging Face directory, whose configuration is no YAML
  CodecConfig config;
  Parameters parameters;
};
struct TokenModel {
  DType type = DType::kFloat16;
  std::string yaml;
  LmConfig config;
  Parameters parameters;
};

// New ones. Text tensors that the published files have left over are not made: nothing reads them.
absl::StatusOr<CodecModel> NewCodec(const HashModelSizes& sizes, uint64_t seed);
absl::StatusOr<TokenModel> NewTokenModel(const HashModelSizes& sizes, uint64_t seed);

// Read the codec that the server finds for DIRECTORY (see OpenCodec), encoder included, and
// DIRECTORY/state_dict.bin. Errors name the file, and the tensor or setting in it.
absl::StatusOr<CodecModel> ReadCodec(const std::string& directory,
                                     const std::string& codec_dir = "");
absl::StatusOr<TokenModel> ReadTokenModel(const std::string& directory);

// FAILED_PRECONDITION: a codec that was read from a Hugging Face directory can't be written.
absl::Status CheckWritable(const CodecModel& model);
// Write the same files. New models are float16, as the published ones; what was read from a file of
// wider numbers stays float32, for the steps of training are finer than float16. Each file is whole
// or not there. INVALID_ARGUMENT names the tensor that holds a number too large for float16.
absl::Status WriteCodec(const CodecModel& model, const std::string& directory);
absl::Status WriteTokenModel(const TokenModel& model, const std::string& directory);

// Copies the files of the codec that ReadCodec reads, as they are, so that the server finds it in
// `directory` alone.
absl::Status CopyCodec(const std::string& from, const std::string& codec_dir,
                       const std::string& directory);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_MODEL_FILES_H_
