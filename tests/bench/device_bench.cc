#include "tests/bench/device_bench.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <random>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/gpu/cuda_devices.h"
#include "tests/bench/bench_model.h"
#include "tests/bench/first_audio.h"

namespace vidmuse {
namespace {

using nlohmann::json;

constexpr int kRepeats = 5;
constexpr int kPromptSteps = 64;  // steps fed per call
constexpr int kAudioSeconds = 10;

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Times `body`. The first call is reported on its own, because it initialises libraries.
absl::StatusOr<json> Repeat(absl::FunctionRef<absl::Status()> body) {
  const Stopwatch first;
  RETURN_IF_ERROR(body());
  const double first_seconds = first.Seconds();
  std::vector<double> times;
  for (int i = 0; i < kRepeats; ++i) {
    const Stopwatch watch;
    RETURN_IF_ERROR(body());
    times.push_back(watch.Seconds());
  }
  return json{{"first_ms", 1e3 * first_seconds}, {"median_ms", 1e3 * Median(std::move(times))}};
}

absl::Status DecodeSeconds(MusicModel& model, int seconds) {
  ASSIGN_OR_RETURN(std::unique_ptr<AudioDecoder> decoder, model.NewAudioDecoder());
  std::mt19937 generator(3);
  std::vector<float> samples;
  for (int i = 0; i < seconds; ++i) {
    std::vector<int32_t> tokens(static_cast<size_t>(model.info().frame_rate) *
                                model.info().codebooks);
    for (int32_t& token : tokens) token = static_cast<int32_t>(generator() % model.info().card);
    RETURN_IF_ERROR(decoder->Push(tokens, i == seconds - 1, &samples));
  }
  return absl::OkStatus();
}

class Measurement {
 public:
  Measurement(const DeviceBenchOptions& options, const ModelSizes& sizes, std::string card,
              GpuMusicModel& model)
      : options_(options), sizes_(sizes), card_(std::move(card)), model_(model) {}

  absl::StatusOr<json> Stages(const VideoFrames& video) {
    json result;
    ASSIGN_OR_RETURN(json encode, Repeat([&]() -> absl::Status {
                       ASSIGN_OR_RETURN(condition_, model_.EncodeVideo(video, CancelFlag()));
                       return absl::OkStatus();
                     }));
    result["video_to_condition"] =
        Beside(std::move(encode), EncodeVideo(sizes_, options_.seconds), false);
    ASSIGN_OR_RETURN(json open, Repeat([&] { return OpenWindow().status(); }));
    result["window_opening"] = Beside(
        std::move(open),
        vidmuse::OpenWindow(sizes_.lm, Precision(), condition_->local_frames() * kTokensPerFrame),
        Half());
    ASSIGN_OR_RETURN(json codec, Repeat([&] { return DecodeSeconds(model_, kAudioSeconds); }));
    for (const char* time : {"first_ms", "median_ms"}) {
      codec[time] = codec[time].get<double>() / kAudioSeconds;
    }
    result["codec_second"] = Beside(std::move(codec), DecodeSecond(sizes_.codec), false);
    return result;
  }

  absl::StatusOr<json> Steps() {
    json result = json::array();
    std::vector<Stream> streams;
    for (const int count : options_.requests) {
      if (count > model_.network().options().slots) continue;
      RETURN_IF_ERROR(Grow(count, &streams));
      ASSIGN_OR_RETURN(json one, Step({streams.data(), static_cast<size_t>(count)}));
      result.push_back(std::move(one));
    }
    return result;
  }

 private:
  DevicePrecision Precision() const { return model_.network().options().precision; }
  bool Half() const { return Precision() != DevicePrecision::kFp32; }
  int Capacity() const {
    return model_.info().frame_rate * options_.seconds + model_.info().codebooks - 1;
  }

  absl::StatusOr<std::unique_ptr<Window>> OpenWindow() {
    return model_.OpenWindow(*condition_, 0, condition_->local_frames(), Capacity(), CancelFlag());
  }

  // Adds streams until there are `count`, and feeds the new ones `position` steps together.
  absl::Status Grow(int count, std::vector<Stream>* streams) {
    const size_t begin = streams->size();
    while (static_cast<int>(streams->size()) < count) {
      Stream stream;
      stream.sampling.seed = streams->size();
      ASSIGN_OR_RETURN(stream.window, OpenWindow());
      streams->push_back(std::move(stream));
    }
    const absl::Span<Stream> fresh = absl::MakeSpan(*streams).subspan(begin);
    for (int left = fresh.empty() ? 0 : options_.position; left > 0; left -= kPromptSteps) {
      RETURN_IF_ERROR(vidmuse::Step(model_, fresh, std::min(left, kPromptSteps)));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<json> Step(absl::Span<Stream> streams) {
    for (int i = 0; i < 3; ++i) RETURN_IF_ERROR(vidmuse::Step(model_, streams, 1));
    std::vector<double> times;
    for (int i = 0; i < options_.steps; ++i) {
      const Stopwatch watch;
      RETURN_IF_ERROR(vidmuse::Step(model_, streams, 1));
      times.push_back(watch.Seconds());
    }
    const auto count = static_cast<int>(streams.size());
    const double best = *std::min_element(times.begin(), times.end());
    const double median = Median(std::move(times));
    const int tokens = condition_->local_frames() * kTokensPerFrame;
    const gpu::TokenModelOptions& room = model_.network().options();
    const Cost read = vidmuse::Step(sizes_.lm, Precision(), count,
                                    StaticPositions(room.steps, room.condition_tokens));
    json result = Beside({{"median_ms", 1e3 * median}, {"best_ms", 1e3 * best}}, read, Half());
    result["requests"] = count;
    result["position"] = streams[0].window->length();
    result["frames_per_second"] = count / median;
    result["gb_s"] = read.bytes / 1e9 / median;
    const Cost used = vidmuse::Step(sizes_.lm, Precision(), count,
                                    UsedPositions(streams[0].window->length(), tokens));
    result["in_use_gb"] = used.bytes / 1e9;
    return result;
  }

  // Adds the stage's cost and, if the card's data sheet is known, the least time that it allows.
  json Beside(json measured, const Cost& cost, bool half) const {
    measured["gb"] = cost.bytes / 1e9;
    measured["gflop"] = cost.flops / 1e9;
    for (const Gpu& gpu : {kH100, kH200}) {
      const std::string family(gpu.name, 4);
      if (!absl::StrContains(card_, family)) continue;
      measured["limit_ms"] = 1e3 * LeastSeconds(cost, gpu, half);
    }
    return measured;
  }

  const DeviceBenchOptions& options_;
  const ModelSizes& sizes_;
  const std::string card_;
  GpuMusicModel& model_;
  std::shared_ptr<const VideoCondition> condition_;
};

absl::StatusOr<json> MeasureModel(const DeviceBenchOptions& options, const HashFiles& files,
                                  const ModelSizes& sizes, const std::string& device,
                                  const std::string& card, GpuModelOptions model_options) {
  json result;
  const bool with_graphs = model_options.steps.graph != nullptr;
  ASSIGN_OR_RETURN(const DeviceMemory before, MemoryOf(device));
  const Stopwatch loading;
  ASSIGN_OR_RETURN(std::unique_ptr<GpuMusicModel> model,
                   LoadDeviceModel(files, device, std::move(model_options)));
  result["load_s"] = loading.Seconds();
  result["step_graphs"] = model->info().step_graphs;
  result["step_kernels"] = model->info().step_kernels;
  result["notice"] = model->notice();
  const VideoFrames video = RandomVideo(options.seconds);
  Measurement measurement(options, sizes, card, *model);
  ASSIGN_OR_RETURN(result["stages"], measurement.Stages(video));
  ASSIGN_OR_RETURN(result["step"], measurement.Steps());
  ASSIGN_OR_RETURN(const DeviceMemory after, MemoryOf(device));
  const gpu::TokenModelBytes bytes = model->network().bytes();
  result["memory"] = {
      {"taken_gb", (static_cast<double>(before.free) - static_cast<double>(after.free)) / 1e9},
      {"card_gb", static_cast<double>(after.total) / 1e9},
      {"step_weights_gb", static_cast<double>(bytes.weights) / 1e9},
      {"unread_weights_gb", static_cast<double>(bytes.unread) / 1e9},
      {"codec_weights_gb", static_cast<double>(model->codec().weight_bytes()) / 1e9},
      {"windows_gb", static_cast<double>(model->WindowMemory()) / 1e9}};
  if (with_graphs) {
    ASSIGN_OR_RETURN(result["first_audio"], MeasureFirstAudio(std::move(model), video));
  }
  return result;
}

}  // namespace

absl::StatusOr<json> MeasureDevice(const DeviceBenchOptions& options, const HashFiles& files,
                                   const ModelSizes& sizes) {
  std::string device = "cpu";
  if (options.device != kDeviceCode) {
    ASSIGN_OR_RETURN(const DeviceChoice choice, ChooseDevices(options.device));
    device = choice.devices[0];
  }
  std::string card = "cpu";
  if (device != "cpu") {
    for (const CudaHost::Gpu& gpu : ThisHost().gpus) {
      if (gpu.name == device) card = gpu.card;
    }
  }
  json result = {{"scale", options.scale}, {"device", device}, {"card", card}};
  for (const std::string& precision : options.precisions) {
    ASSIGN_OR_RETURN(const DevicePrecision parsed, FindDevicePrecision(precision));
    for (const int slots : options.slots) {
      for (const bool graphs : options.graphs) {
        for (const bool kernels : options.kernels) {
          GpuModelOptions model_options;
          model_options.precision = parsed;
          model_options.slots = slots;
          model_options.encode_threads = 2;
          if (graphs) {
            model_options.steps.graph =
                device == "cpu" ? StepGraphMaker(NewEagerGraph) : CudaGraphMaker();
          }
          if (kernels && device != "cpu") model_options.steps.kernels = CudaKernelsMaker();
          const auto measured =
              MeasureModel(options, files, sizes, device, card, std::move(model_options));
          json one = measured.ok() ? *measured : json{{"error", measured.status().ToString()}};
          one.update({{"precision", precision},
                      {"slots", slots},
                      {"graphs", graphs},
                      {"kernels", kernels}});
          std::fprintf(stderr, "%s, %d slots, graphs %s, kernels %s: %s\n", precision.c_str(),
                       slots, graphs ? "on" : "off", kernels ? "on" : "off",
                       measured.ok() ? "measured" : measured.status().ToString().c_str());
          result["models"].push_back(std::move(one));
        }
      }
    }
  }
  return result;
}

}  // namespace vidmuse
