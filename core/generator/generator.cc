#include "vidmuse/generator.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/generator/generator_impl.h"
#include "core/model/gpu/cuda_devices.h"
#include "core/model/load_model.h"
#include "core/model/self_test.h"
#include "core/video/frame_sampler.h"
#include "core/video/sandbox.h"
#include "core/video/sound_decoder.h"

namespace vidmuse {
namespace {

constexpr char kAdvice[] =
    "--video_sandbox=best_effort goes without the filter of system calls where the kernel has "
    "none, "
    "off decodes videos in the server's own process";

// What decodes uploads.
struct MediaDecoders {
  VideoOpener open_video = OpeningComplete(OpenVideo);
  SoundDecoder decode_sound = DecodeSound;
};

absl::StatusOr<MediaDecoders> NewMediaDecoders(const GeneratorOptions& options) {
  const std::string& mode = options.video_sandbox;
  const auto warn = [&options](const std::string& line) {
    if (options.warn) options.warn(line);
  };
  if (mode == "off") {
    warn("videos are decoded in the server's own process (--video_sandbox=off)");
    return MediaDecoders();
  }
  if (mode != "required" && mode != "best_effort") {
    return absl::InvalidArgumentError(
        absl::StrCat("video_sandbox is \"", mode, "\"; it must be required, best_effort or off"));
  }
  using Filter = VideoSandbox::Filter;
  absl::StatusOr<std::unique_ptr<VideoSandbox>> created = VideoSandbox::Create(
      VideoSandbox::DefaultProgram(), mode == "required" ? Filter::kRequired : Filter::kIfPossible,
      {.bytes = options.limits.max_decoders_bytes});
  if (!created.ok()) {
    return absl::UnavailableError(absl::StrCat("--video_sandbox=", mode,
                                               ": videos can't be decoded in a sandbox here: ",
                                               created.status().message(), "; ", kAdvice));
  }
  std::shared_ptr<const VideoSandbox> sandbox = *std::move(created);
  if (!sandbox->unfiltered().empty()) {
    warn(absl::StrCat("videos are decoded without a filter of system calls: ",
                      sandbox->unfiltered()));
  }
  MediaDecoders decoders;
  decoders.open_video = [sandbox](const VideoUploadOptions& options) {
    return sandbox->Receive(options);
  };
  decoders.decode_sound = [sandbox](absl::string_view file, const Limits& limits,
                                    const CancelFlag& cancel) {
    return sandbox->DecodeSound(file, limits, cancel);
  };
  return decoders;
}

using Models = std::vector<std::unique_ptr<MusicModel>>;

absl::StatusOr<Models> LoadModels(const GeneratorOptions& options,
                                  const std::vector<std::string>& devices) {
  ModelOptions model_options;
  model_options.model_dir = options.model_dir;
  model_options.codec_dir = options.codec_dir;
  model_options.name = options.model_name;
  model_options.server_version = options.server_version;
  model_options.origin_text = options.origin_text;
  model_options.precision = options.precision;
  model_options.device_threads = options.device_threads;
  model_options.encode_threads = options.encode_threads;
  model_options.slots = options.limits.max_batch;
  Models models;
  for (const std::string& device : devices) {
    model_options.device = device;
    ASSIGN_OR_RETURN(models.emplace_back(), LoadModel(model_options));
  }
  return models;
}

// With device "auto", the model runs on the CPU if the GPU is unsuitable or has too little memory.
absl::StatusOr<Models> LoadSomewhere(const GeneratorOptions& options) {
  const auto warn = [&options](const std::string& line) {
    if (options.warn) options.warn(line);
  };
  ASSIGN_OR_RETURN(const DeviceChoice choice, ChooseDevices(options.device));
  if (!choice.warning.empty()) warn(choice.warning);
  absl::StatusOr<Models> models = LoadModels(options, choice.devices);
  const bool too_small =
      absl::IsFailedPrecondition(models.status()) || absl::IsResourceExhausted(models.status());
  if (!too_small || options.device != "auto" || choice.devices[0] == "cpu") return models;
  warn(absl::StrCat("running on the CPU: ", models.status().message()));
  return LoadModels(options, {"cpu"});
}

}  // namespace

absl::StatusOr<std::unique_ptr<Generator>> Generator::Create(const GeneratorOptions& options,
                                                             MetricsSink* metrics) {
  ASSIGN_OR_RETURN(MediaDecoders decoders, NewMediaDecoders(options));
  ASSIGN_OR_RETURN(Models models, LoadSomewhere(options));
  if (options.loaded) options.loaded();
  for (const auto& model : models) {
    // Finds a model that can't run a step now instead of at the first request.
    RETURN_IF_ERROR(MakeSelfTestSong(*model, 1).status());
    const std::string notice = model->notice();
    if (!notice.empty() && options.warn) {
      options.warn(absl::StrCat(model->info().device, ": ", notice));
    }
  }
  return NewGenerator(std::move(models), std::move(decoders.open_video), options, Clock::Real(),
                      metrics, std::move(decoders.decode_sound));
}

}  // namespace vidmuse
