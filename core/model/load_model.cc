#include "core/model/load_model.h"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/cpus.h"
#include "core/base/origin_mark.h"
#include "core/base/status_macros.h"
#include "core/model/architecture/codec_tensors.h"
#include "core/model/architecture/conditioner_tensors.h"
#include "core/model/architecture/delay_pattern.h"
#include "core/model/architecture/model_config.h"
#include "core/model/architecture/positions.h"
#include "core/model/checkpoint/codec_source.h"
#include "core/model/checkpoint/weight_reader.h"
#include "core/model/cpu/kernels/kernel_choice.h"
#include "core/model/cpu/music_model.h"
#include "core/model/cpu/step_threads.h"
#include "core/model/fingerprint.h"
#include "core/model/gpu/cuda_devices.h"
#include "core/model/gpu/load.h"
#include "core/model/license_note.h"
#include "core/model/torch/codec_encoder.h"
#include "core/model/torch/run_torch.h"
#include "vidmuse/model_info.h"

namespace vidmuse {
namespace {

// Models whose step reads at most this many float32 bytes (2 ms at 31 GB/s, a tenth of real time)
// run in float32: they are fast enough.
constexpr int64_t kExactStepBytes = 64 << 20;

bool IsGpu(const ModelOptions& options) { return absl::StartsWith(options.device, "cuda:"); }

absl::Status CheckOptions(const ModelOptions& options) {
  RETURN_IF_ERROR(cpu::CpuKernels().status());
  if (IsGpu(options) || options.device == "cpu") return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("device '", options.device, "', expected cpu or cuda:0, cuda:1, ..."));
}

// If speed matters, the fastest precision whose sampling distribution stays near float32's: the
// mean KL divergence is under 0.005, as vidmuse_bench --quality measures it.
cpu::Precision DefaultPrecision(const LmConfig& lm) {
  const int64_t square = int64_t{lm.dim} * lm.dim;
  // Cross-attention's key and value weights aren't read by a step.
  const int64_t layer = square * (4 + 2 + 2 * lm.hidden_scale);
  const int64_t heads = int64_t{lm.codebooks} * lm.card * lm.dim;
  const int64_t bytes = (lm.num_layers * layer + heads) * static_cast<int64_t>(sizeof(float));
  return bytes <= kExactStepBytes ? cpu::Precision::kFp32 : cpu::Precision::kInt8;
}

absl::StatusOr<cpu::Precision> FindPrecision(const std::string& name, const LmConfig& lm) {
  if (name.empty()) return DefaultPrecision(lm);
  std::vector<std::string> known;
  for (const cpu::Precision precision : cpu::kAllPrecisions) {
    if (name == cpu::PrecisionName(precision)) return precision;
    known.emplace_back(cpu::PrecisionName(precision));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("precision '", name, "', the CPU supports ", absl::StrJoin(known, ", ")));
}

absl::Status CheckCodecUsed(const WeightReader& weights) {
  return weights.CheckAllUsed(UnusedCodecTensors());
}

// Both halves of the codec.
struct CpuCodec {
  std::shared_ptr<const cpu::Codec> decoder;
  std::unique_ptr<const CodecEncoder> encoder;  // null: the checkpoint has none
};

absl::StatusOr<CpuCodec> LoadCodec(const CodecSource& source, const cpu::Kernels& kernels,
                                   int64_t* parameters, std::string* digest) {
  WeightReader weights(source.file.get(), source.prefix);
  CpuCodec codec;
  ASSIGN_OR_RETURN(codec.decoder, cpu::Codec::Load(source.config, source.names, weights, kernels));
  ASSIGN_OR_RETURN(std::shared_ptr<DeviceStream> stream,
                   DeviceStream::Create("cpu", DeviceStream::Priority::kNormal));
  DeviceReader reader(&weights, "cpu");
  RETURN_IF_ERROR(stream->Run([&]() -> absl::Status {
    ASSIGN_OR_RETURN(codec.encoder,
                     CodecEncoder::Load(source.config, source.names, reader, stream));
    return absl::OkStatus();
  }));
  RETURN_IF_ERROR(CheckCodecUsed(weights));
  *parameters += weights.parameters();
  *digest = weights.Digest();
  return codec;
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

int Threads(int wanted) { return wanted > 0 ? wanted : UsableCpus(); }

struct ModelFiles {
  std::unique_ptr<TensorFile> lm;
  CodecSource codec;
  std::string license_note;
};

ModelInfo Describe(const LmConfig& lm, const ModelFiles& files, const ModelOptions& options) {
  ModelInfo info;
  info.name = Name(options);
  info.scale = Scale(lm);
  info.device = options.device;
  info.sample_rate = lm.sample_rate;
  info.samples_per_frame = files.codec.config.samples_per_frame();
  info.codebooks = lm.codebooks;
  info.card = lm.card;
  info.default_cfg_coef = lm.cfg_coef;
  info.license_note = files.license_note;
  return info;
}

// Of the files that are made, but for the seed.
Origin FileOrigin(const ModelInfo& info, const ModelOptions& options) {
  return {.version = options.server_version,
          .model = info.name,
          .seed = 0,
          .text = options.origin_text};
}

absl::StatusOr<std::unique_ptr<MusicModel>> ComposeOnDevice(ModelFiles files,
                                                            const LmConfig& config,
                                                            const ModelOptions& options) {
  GpuModelOptions device;
  ASSIGN_OR_RETURN(device.precision, FindDevicePrecision(options.precision));
  device.slots = options.slots;
  // One chunk fills a GPU while another is prepared.
  device.encode_threads = IsGpu(options) ? 2 : Threads(options.encode_threads);
  device.steps.graph = IsGpu(options) ? CudaGraphMaker() : StepGraphMaker(NewEagerGraph);
  if (IsGpu(options)) device.steps.kernels = CudaKernelsMaker();
  const CodecSource& codec = files.codec;
  WeightReader weights(files.lm.get(), kPublishedTensors);
  WeightReader codec_weights(codec.file.get(), codec.prefix);
  ModelInfo info = Describe(config, files, options);
  ASSIGN_OR_RETURN(
      GpuMusicModel::Parts parts,
      LoadGpuModelParts(info, config, weights, codec.config, codec.names, codec_weights, device));
  RETURN_IF_ERROR(weights.CheckAllUsed(LeftoverTensors()));
  RETURN_IF_ERROR(CheckCodecUsed(codec_weights));
  info.encodes_audio = parts.codec_encoder != nullptr;
  info.precision = DevicePrecisionName(device.precision);
  info.parameters = weights.parameters() + codec_weights.parameters();
  FingerprintParts print;
  print.origin = FileOrigin(info, options);
  print.lm = config;
  print.codec = codec.config;
  print.weights = weights.Digest();
  print.codec_weights = codec_weights.Digest();
  print.precision = info.precision;
  print.video_precision = print.codec_precision = DevicePrecisionName(DevicePrecision::kFp32);
  print.null_condition = parts.encoder->null_condition();
  ASSIGN_OR_RETURN(
      std::unique_ptr<GpuMusicModel> model,
      GpuMusicModel::Create(std::move(info), std::move(parts), std::move(device.steps)));
  print.arithmetic = GpuArithmetic(options.device, model->info().step_kernels ? 0 : device.slots);
  model->SetFingerprint(Fingerprint(print));
  return model;
}

absl::StatusOr<std::unique_ptr<MusicModel>> Compose(ModelFiles files, const ModelOptions& options) {
  ASSIGN_OR_RETURN(const std::string yaml, CheckpointString(*files.lm, kPublishedConfig));
  absl::StatusOr<LmConfig> config = ParseLmConfig(yaml);
  if (!config.ok()) return InFile(files.lm->name(), config.status());
  RETURN_IF_ERROR(
      CheckMatch(files.lm->name(), *config, files.codec.file->name(), files.codec.config));
  if (IsGpu(options) || options.device_code) {
    return ComposeOnDevice(std::move(files), *config, options);
  }
  ASSIGN_OR_RETURN(const cpu::Precision precision, FindPrecision(options.precision, *config));
  ASSIGN_OR_RETURN(const cpu::Kernels* kernels, cpu::CpuKernels());
  ModelInfo info = Describe(*config, files, options);
  info.precision = cpu::PrecisionName(precision);
  const int encode_threads = Threads(options.encode_threads);
  const int positions = SequenceSteps(info.window_seconds * info.frame_rate, info.codebooks);
  WeightReader weights(files.lm.get(), kPublishedTensors);
  ASSIGN_OR_RETURN(
      std::unique_ptr<cpu::TokenModel> lm,
      cpu::TokenModel::Load(*config, weights, SinusoidalPositions(positions, config->dim), *kernels,
                            precision, Threads(options.device_threads)));
  // fp16 is meant to give float32's results at half the bytes, so it keeps the video in float32.
  const bool reduced = precision == cpu::Precision::kBf16 || precision == cpu::Precision::kInt8;
  const VideoPrecision video_precision = BestVideoPrecision(reduced);
  ASSIGN_OR_RETURN(std::unique_ptr<const VideoEncoder> encoder,
                   VideoEncoder::Load(*config, weights, encode_threads, video_precision));
  RETURN_IF_ERROR(weights.CheckAllUsed(LeftoverTensors()));
  info.parameters = weights.parameters();
  FingerprintParts print;
  print.weights = weights.Digest();
  files.lm.reset();
  ASSIGN_OR_RETURN(CpuCodec codec,
                   LoadCodec(files.codec, *kernels, &info.parameters, &print.codec_weights));
  info.encodes_audio = codec.encoder != nullptr;
  print.origin = FileOrigin(info, options);
  print.lm = *config;
  print.codec = files.codec.config;
  print.precision = info.precision;
  print.video_precision = VideoPrecisionName(video_precision);
  print.codec_precision = cpu::PrecisionName(cpu::Precision::kFp32);
  print.arithmetic = absl::StrCat("kernels ", kernels->fused ? "fused" : kernels->name,
                                  ", LibTorch ", TorchVersion(), " ", TorchCpuCapability());
  print.null_condition = encoder->null_condition();
  info.fingerprint = Fingerprint(print);
  const int device_threads = options.device_threads > 0
                                 ? options.device_threads
                                 : cpu::StepThreads(UsableCpus(), lm->step_weight_bytes());
  return std::make_unique<CpuMusicModel>(std::move(info), std::move(encoder), std::move(lm),
                                         std::move(codec.decoder), std::move(codec.encoder),
                                         device_threads, encode_threads);
}

absl::Status Failed(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("out of memory while the model was loaded");
  } catch (const std::system_error& other) {
    return absl::ResourceExhaustedError(absl::StrCat("no threads for the model: ", other.what()));
  } catch (const std::exception& other) {
    return absl::InternalError(absl::StrCat("the model can't be loaded: ", other.what()));
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<MusicModel>> LoadModel(const ModelOptions& options) try {
  RETURN_IF_ERROR(CheckOptions(options));
  ModelFiles files;
  ASSIGN_OR_RETURN(files.lm, TensorFile::OpenTorch(options.model_dir + "/state_dict.bin"));
  ASSIGN_OR_RETURN(files.codec, OpenCodec(options.model_dir, options.codec_dir));
  ASSIGN_OR_RETURN(files.license_note, ReadLicenseNote(options.model_dir));
  return Compose(std::move(files), options);
} catch (const std::exception&) {
  return Failed(std::current_exception());
}

absl::StatusOr<std::unique_ptr<MusicModel>> LoadModelFromFiles(std::unique_ptr<TensorFile> lm,
                                                               std::unique_ptr<TensorFile> codec,
                                                               const ModelOptions& options) try {
  RETURN_IF_ERROR(CheckOptions(options));
  ModelFiles files;
  files.lm = std::move(lm);
  ASSIGN_OR_RETURN(files.codec, AudiocraftCodec(std::move(codec)));
  return Compose(std::move(files), options);
} catch (const std::exception&) {
  return Failed(std::current_exception());
}

}  // namespace vidmuse
