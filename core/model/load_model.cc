#include "core/model/load_model.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"
#include "core/model/checkpoint/model_config.h"
#include "core/model/cpu_music_model.h"
#include "core/model/torch/cuda_devices.h"
#include "core/model/torch/load_torch_model.h"
#include "core/model/weights/weight_reader.h"

namespace vidmuse {
namespace {

constexpr char kTensors[] = "best_state/";
constexpr char kConfig[] = "xp.cfg";
constexpr char kPretrained[] = "pretrained";
constexpr char kPretrainedCodec[] = "facebook/encodec_32khz";
constexpr uintmax_t kMaxConfigBytes = 1 << 20;
constexpr size_t kSmallStepBytes = 4 << 20;
// Up to this many float32 bytes a step (2 ms at 31 GB/s, a tenth of real time), exactness costs
// nothing that matters.
constexpr int64_t kExactStepBytes = 64 << 20;

// A codec's file and how to read it.
struct CodecSource {
  std::unique_ptr<TensorFile> file;
  CodecConfig config;
  cpu::CodecNames names = cpu::CodecNames::kAudiocraft;
  std::string prefix;
};

bool IsGpu(const ModelOptions& options) { return absl::StartsWith(options.device, "cuda:"); }

absl::Status CheckOptions(const ModelOptions& options) {
  if (IsGpu(options) || options.device == "cpu") return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("device '", options.device, "', expected cpu or cuda:0, cuda:1, ..."));
}

// The fastest whose sampling distribution stays near float32's (mean KL under 0.005, as measured by
// vidmuse_bench --quality), where speed matters at all.
cpu::Precision DefaultPrecision(const LmConfig& lm) {
  const int64_t square = int64_t{lm.dim} * lm.dim;
  const int64_t layer = square * (4 + 2 + 2 * lm.hidden_scale);  // cross keys and values are kept
  const int64_t heads = int64_t{lm.codebooks} * lm.card * lm.dim;
  const int64_t bytes = (lm.num_layers * layer + heads) * static_cast<int64_t>(sizeof(float));
  return bytes <= kExactStepBytes ? cpu::Precision::kFp32 : cpu::Precision::kInt8;
}

absl::StatusOr<cpu::Precision> FindPrecision(const std::string& name, const LmConfig& lm) {
  if (name.empty()) return DefaultPrecision(lm);
  std::vector<std::string> known;
  for (const cpu::Precision precision : cpu::kAllPrecisions) {
    if (name == cpu::PrecisionName(precision)) return precision;
    known.push_back(cpu::PrecisionName(precision));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("precision '", name, "', the CPU supports ", absl::StrJoin(known, ", ")));
}

// `status` with the file's name before its message.
absl::Status In(const std::string& file, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(file, ": ", status.message()));
}

absl::StatusOr<std::string> String(const TensorFile& file, const std::string& key) {
  const auto found = file.strings().find(key);
  if (found == file.strings().end()) {
    return absl::InvalidArgumentError(absl::StrCat(file.name(), ": '", key, "' is missing"));
  }
  return found->second;
}

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
  source.names = cpu::CodecNames::kHuggingFace;
  const std::string config_path = directory + "/config.json";
  ASSIGN_OR_RETURN(const std::string json, ReadText(config_path));
  absl::StatusOr<CodecConfig> config = ParseHuggingFaceCodecConfig(json);
  if (!config.ok()) return In(config_path, config.status());
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
  return source;
}

absl::StatusOr<CodecSource> AudiocraftCodec(std::unique_ptr<TensorFile> file) {
  CodecSource source;
  source.prefix = kTensors;
  ASSIGN_OR_RETURN(const std::string yaml, String(*file, kConfig));
  absl::StatusOr<CodecConfig> config = ParseAudiocraftCodecConfig(yaml);
  if (!config.ok()) return In(file->name(), config.status());
  source.config = *std::move(config);
  source.file = std::move(file);
  return source;
}

absl::StatusOr<CodecSource> OpenCodec(const ModelOptions& options) {
  const std::string path = options.model_dir + "/compression_state_dict.bin";
  ASSIGN_OR_RETURN(std::unique_ptr<TensorFile> file, TensorFile::OpenTorch(path));
  const auto pretrained = file->strings().find(kPretrained);
  if (pretrained == file->strings().end()) return AudiocraftCodec(std::move(file));
  if (pretrained->second != kPretrainedCodec) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": pretrained codec '", pretrained->second,
                                                   "', only ", kPretrainedCodec, " is supported"));
  }
  return OpenHuggingFaceCodec(options.codec_dir.empty() ? options.model_dir + "/encodec_32khz"
                                                        : options.codec_dir);
}

absl::Status CheckCodecUsed(const CodecSource& source, const WeightReader& weights) {
  return weights.CheckAllUsed({source.prefix + "encoder.", "codebook.inited",
                               "codebook.cluster_size", "codebook.embed_avg"});
}

absl::StatusOr<std::shared_ptr<const cpu::Codec>> LoadCodec(const CodecSource& source,
                                                            int64_t* parameters) {
  WeightReader weights(source.file.get(), source.prefix);
  ASSIGN_OR_RETURN(std::shared_ptr<const cpu::Codec> codec,
                   cpu::Codec::Load(source.config, source.names, weights, cpu::CpuKernels()));
  RETURN_IF_ERROR(CheckCodecUsed(source, weights));
  *parameters += weights.parameters();
  return codec;
}

// The codec must speak the token model's tokens.
absl::Status CheckMatch(const TensorFile& lm_file, const LmConfig& lm, const CodecSource& codec) {
  const ModelInfo defaults;
  const auto check = [&](const char* what, int of_lm, int of_codec) {
    if (of_lm == of_codec) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(lm_file.name(), " has ", what, " ", of_lm, ", ",
                                                   codec.file->name(), " has ", of_codec));
  };
  RETURN_IF_ERROR(check("a number of codebooks of", lm.codebooks, codec.config.codebooks));
  RETURN_IF_ERROR(check("a codebook size of", lm.card, codec.config.bins));
  RETURN_IF_ERROR(check("a sample rate of", lm.sample_rate, codec.config.sample_rate));
  if (codec.config.samples_per_frame() * defaults.frame_rate != codec.config.sample_rate) {
    return absl::InvalidArgumentError(absl::StrCat(
        codec.file->name(), ": ", codec.config.samples_per_frame(), " samples a frame at ",
        codec.config.sample_rate, " Hz, expected ", defaults.frame_rate, " frames a second"));
  }
  return absl::OkStatus();
}

std::string Scale(const LmConfig& lm) {
  const auto is = [&](int dim, int heads, int layers) {
    return lm.dim == dim && lm.num_heads == heads && lm.num_layers == layers;
  };
  if (is(1024, 16, 24)) return "small";
  if (is(1536, 24, 48)) return "medium";
  if (is(2048, 32, 48)) return "large";
  return "custom";
}

std::string Name(const ModelOptions& options) {
  if (!options.name.empty()) return options.name;
  const std::filesystem::path path(options.model_dir);
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

int Threads(int wanted) {
  return wanted > 0 ? wanted : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

ModelInfo Describe(const LmConfig& lm, const CodecConfig& codec, const ModelOptions& options) {
  ModelInfo info;
  info.name = Name(options);
  info.scale = Scale(lm);
  info.device = options.device;
  info.sample_rate = lm.sample_rate;
  info.samples_per_frame = codec.samples_per_frame();
  info.codebooks = lm.codebooks;
  info.card = lm.card;
  info.default_cfg_coef = lm.cfg_coef;
  return info;
}

absl::StatusOr<std::unique_ptr<MusicModel>> ComposeOnDevice(std::unique_ptr<TensorFile> lm_file,
                                                            const LmConfig& config,
                                                            CodecSource codec,
                                                            const ModelOptions& options) {
  TorchModelOptions device;
  ASSIGN_OR_RETURN(device.precision, FindDevicePrecision(options.precision));
  device.slots = options.slots;
  // One chunk fills a GPU; another is prepared meanwhile.
  device.encode_threads = IsGpu(options) ? 2 : Threads(options.encode_threads);
  device.make_graph = IsGpu(options) ? CudaGraphMaker() : StepGraphMaker(NewEagerGraph);
  WeightReader weights(lm_file.get(), kTensors);
  WeightReader codec_weights(codec.file.get(), codec.prefix);
  ASSIGN_OR_RETURN(std::unique_ptr<MusicModel> model,
                   LoadTorchModel(Describe(config, codec.config, options), config, weights,
                                  codec.config, codec.names == cpu::CodecNames::kHuggingFace,
                                  codec_weights, std::move(device)));
  RETURN_IF_ERROR(weights.CheckAllUsed(UnusedVideoTensors()));
  RETURN_IF_ERROR(CheckCodecUsed(codec, codec_weights));
  return model;
}

absl::StatusOr<std::unique_ptr<MusicModel>> Compose(std::unique_ptr<TensorFile> lm_file,
                                                    CodecSource codec_source,
                                                    const ModelOptions& options) {
  ASSIGN_OR_RETURN(const std::string yaml, String(*lm_file, kConfig));
  absl::StatusOr<LmConfig> config = ParseLmConfig(yaml);
  if (!config.ok()) return In(lm_file->name(), config.status());
  RETURN_IF_ERROR(CheckMatch(*lm_file, *config, codec_source));
  if (IsGpu(options) || options.device_code) {
    return ComposeOnDevice(std::move(lm_file), *config, std::move(codec_source), options);
  }
  ASSIGN_OR_RETURN(const cpu::Precision precision, FindPrecision(options.precision, *config));
  ModelInfo info = Describe(*config, codec_source.config, options);
  info.precision = cpu::PrecisionName(precision);
  const int encode_threads = Threads(options.encode_threads);
  // A window's T frames take T + codebooks sequence steps.
  const int positions = info.window_seconds * info.frame_rate + info.codebooks;
  WeightReader weights(lm_file.get(), kTensors);
  ASSIGN_OR_RETURN(
      std::unique_ptr<cpu::LanguageModel> lm,
      cpu::LanguageModel::Load(*config, weights, SinusoidalPositions(positions, config->dim),
                               cpu::CpuKernels(), precision, Threads(options.device_threads)));
  // fp16 is for those who want float32's results at half the bytes.
  const bool reduced = precision == cpu::Precision::kBf16 || precision == cpu::Precision::kInt8;
  ASSIGN_OR_RETURN(
      std::unique_ptr<const VideoEncoder> encoder,
      VideoEncoder::Load(*config, weights, encode_threads, BestVideoPrecision(reduced)));
  RETURN_IF_ERROR(weights.CheckAllUsed(UnusedVideoTensors()));
  info.parameters = weights.parameters();
  lm_file.reset();
  ASSIGN_OR_RETURN(std::shared_ptr<const cpu::Codec> codec,
                   LoadCodec(codec_source, &info.parameters));
  // Threads that share so little work would only wait for one another.
  const bool small_step = lm->step_weight_bytes() < kSmallStepBytes;
  const int device_threads =
      options.device_threads == 0 && small_step ? 1 : Threads(options.device_threads);
  return std::make_unique<CpuMusicModel>(std::move(info), std::move(encoder), std::move(lm),
                                         std::move(codec), device_threads, encode_threads);
}

absl::Status OutOfMemory() {
  return absl::ResourceExhaustedError("out of memory while the model was loaded");
}

}  // namespace

absl::StatusOr<std::unique_ptr<MusicModel>> LoadModel(const ModelOptions& options) try {
  RETURN_IF_ERROR(CheckOptions(options));
  ASSIGN_OR_RETURN(std::unique_ptr<TensorFile> lm,
                   TensorFile::OpenTorch(options.model_dir + "/state_dict.bin"));
  ASSIGN_OR_RETURN(CodecSource codec, OpenCodec(options));
  return Compose(std::move(lm), std::move(codec), options);
} catch (const std::bad_alloc&) {
  return OutOfMemory();
}

absl::StatusOr<std::unique_ptr<MusicModel>> LoadModelFromFiles(std::unique_ptr<TensorFile> lm,
                                                               std::unique_ptr<TensorFile> codec,
                                                               const ModelOptions& options) try {
  RETURN_IF_ERROR(CheckOptions(options));
  ASSIGN_OR_RETURN(CodecSource source, AudiocraftCodec(std::move(codec)));
  return Compose(std::move(lm), std::move(source), options);
} catch (const std::bad_alloc&) {
  return OutOfMemory();
}

}  // namespace vidmuse
