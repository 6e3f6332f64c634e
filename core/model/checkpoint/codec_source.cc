#include "core/model/checkpoint/codec_source.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "vidmuse/model_info.h"

namespace vidmuse {
namespace {

constexpr char kPretrained[] = "pretrained";
constexpr char kPretrainedCodec[] = "facebook/encodec_32khz";
constexpr uintmax_t kMaxConfigBytes = 1 << 20;

absl::StatusOr<std::string> ReadText(const std::string& path) {
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(path, error);
  if (error) return absl::NotFoundError(absl::StrCat(path, ": ", error.message()));
  if (size > kMaxConfigBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", size, " bytes are too many for a configuration"));
  }
  std::string text(size, '\0');
  std::ifstream stream(path, std::ios::binary);
  if (!stream.read(text.data(), static_cast<std::streamsize>(size))) {
    return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  }
  return text;
}

absl::StatusOr<CodecSource> OpenHuggingFaceCodec(const std::string& directory) {
  CodecSource source;
  source.names = CodecNames::kHuggingFace;
  const std::string config_path = directory + "/config.json";
  ASSIGN_OR_RETURN(const std::string json, ReadText(config_path));
  absl::StatusOr<CodecConfig> config = ParseHuggingFaceCodecConfig(json);
  if (!config.ok()) return InFile(config_path, config.status());
  source.config = *std::move(config);
  absl::StatusOr<std::unique_ptr<TensorFile>> file =
      TensorFile::OpenSafetensors(directory + "/model.safetensors");
  if (absl::IsNotFound(file.status()))
    file = TensorFile::OpenTorch(directory + "/pytorch_model.bin");
  if (absl::IsNotFound(file.status())) {
    return absl::NotFoundError(
        absl::StrCat(directory, ": neither model.safetensors nor pytorch_model.bin is there"));
  }
  RETURN_IF_ERROR(file.status());
  source.file = *std::move(file);
  source.directory = directory;
  return source;
}

}  // namespace

absl::Status InFile(absl::string_view file, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(file, ": ", status.message()));
}

absl::Status CheckMatch(const std::string& lm_file, const LmConfig& lm,
                        const std::string& codec_file, const CodecConfig& codec) {
  const ModelInfo defaults;
  const auto check = [&](const char* what, int of_lm, int of_codec) {
    if (of_lm == of_codec) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(lm_file, " has ", what, " ", of_lm, ", ", codec_file, " has ", of_codec));
  };
  RETURN_IF_ERROR(check("a number of codebooks of", lm.codebooks, codec.codebooks));
  RETURN_IF_ERROR(check("a codebook size of", lm.card, codec.bins));
  RETURN_IF_ERROR(check("a sample rate of", lm.sample_rate, codec.sample_rate));
  if (codec.samples_per_frame() * defaults.frame_rate != codec.sample_rate) {
    return absl::InvalidArgumentError(
        absl::StrCat(codec_file, ": ", codec.samples_per_frame(), " samples a frame at ",
                     codec.sample_rate, " Hz, expected ", defaults.frame_rate, " frames a second"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> CheckpointString(const TensorFile& file, const std::string& key) {
  const auto found = file.strings().find(key);
  if (found == file.strings().end()) {
    return absl::InvalidArgumentError(absl::StrCat(file.name(), ": '", key, "' is missing"));
  }
  return found->second;
}

absl::StatusOr<CodecSource> AudiocraftCodec(std::unique_ptr<TensorFile> file) {
  CodecSource source;
  source.prefix = kPublishedTensors;
  ASSIGN_OR_RETURN(const std::string yaml, CheckpointString(*file, kPublishedConfig));
  absl::StatusOr<CodecConfig> config = ParseAudiocraftCodecConfig(yaml);
  if (!config.ok()) return InFile(file->name(), config.status());
  source.config = *std::move(config);
  source.file = std::move(file);
  return source;
}

absl::StatusOr<CodecSource> OpenCodec(const std::string& model_dir, const std::string& codec_dir) {
  const std::string path = model_dir + "/compression_state_dict.bin";
  ASSIGN_OR_RETURN(std::unique_ptr<TensorFile> file, TensorFile::OpenTorch(path));
  const auto pretrained = file->strings().find(kPretrained);
  if (pretrained == file->strings().end()) return AudiocraftCodec(std::move(file));
  if (pretrained->second != kPretrainedCodec) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": pretrained codec '", pretrained->second,
                                                   "', only ", kPretrainedCodec, " is supported"));
  }
  return OpenHuggingFaceCodec(codec_dir.empty() ? model_dir + "/encodec_32khz" : codec_dir);
}

}  // namespace vidmuse
