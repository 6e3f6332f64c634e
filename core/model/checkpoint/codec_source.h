// Finds a checkpoint's codec: audiocraft's own file, or a Hugging Face directory that it names.
#ifndef VIDMUSE_MODEL_CHECKPOINT_CODEC_SOURCE_H_
#define VIDMUSE_MODEL_CHECKPOINT_CODEC_SOURCE_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/model/architecture/model_config.h"
#include "core/model/checkpoint/tensor_file.h"

namespace vidmuse {

// A codec's file and how to read it.
struct CodecSource {
  std::unique_ptr<TensorFile> file;
  CodecConfig config;
  CodecNames names = CodecNames::kAudiocraft;
  std::string prefix;     // precedes every tensor's name
  std::string directory;  // Hugging Face only: where the file and its config.json are
};

// Opens the codec of MODEL_DIR/compression_state_dict.bin. If that file only names
// facebook/encodec_32khz, opens the one in `codec_dir` instead, or in MODEL_DIR/encodec_32khz if
// `codec_dir` is empty: a config.json beside model.safetensors or pytorch_model.bin. NOT_FOUND and
// INVALID_ARGUMENT name the file, and the setting in it.
absl::StatusOr<CodecSource> OpenCodec(const std::string& model_dir, const std::string& codec_dir);

// Opens the codec of an audiocraft file.
absl::StatusOr<CodecSource> AudiocraftCodec(std::unique_ptr<TensorFile> file);

// Checks that the codec decodes the token model's tokens. INVALID_ARGUMENT names both files and
// what differs.
absl::Status CheckMatch(const std::string& lm_file, const LmConfig& lm,
                        const std::string& codec_file, const CodecConfig& codec);

// Returns the string `key` of a checkpoint file. INVALID_ARGUMENT: it is missing.
absl::StatusOr<std::string> CheckpointString(const TensorFile& file, const std::string& key);

// Returns `status` with the file's name before its message.
absl::Status InFile(absl::string_view file, const absl::Status& status);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CHECKPOINT_CODEC_SOURCE_H_
