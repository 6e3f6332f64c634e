// Measures the speed of the decoding step and of the other stages, and what reduced precision costs
// in quality. It uses random weights at a published scale, so it needs no checkpoint. Prints one
// JSON object.
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/cpus.h"
#include "core/base/status_macros.h"
#include "core/base/version.h"
#include "core/model/cpu/kernels/kernel_choice.h"
#include "core/model/cpu/kernels/kernels.h"
#include "core/model/cpu/thread_team.h"
#include "nlohmann/json.hpp"
#include "tests/bench/bench_flags.h"
#include "tests/bench/bench_model.h"
#include "tests/bench/codec_bench.h"
#include "tests/bench/device_bench.h"
#include "tests/bench/first_audio.h"
#include "tests/bench/machine_probe.h"
#include "tests/bench/model_cost.h"
#include "tests/bench/quality.h"

namespace vidmuse {
namespace {

using nlohmann::json;

constexpr int kCodebooks = 4;
constexpr int kFrameRate = 50;
constexpr int kConditionTokens = 50;  // per local frame

std::string CpuName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

double RssGb() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("VmRSS:", 0) == 0) return std::atof(line.c_str() + 6) * 1024 / 1e9;
  }
  return 0;
}

double PeakRssGb() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024 / 1e9;
}

// Bytes that a step of `requests` requests reads. Their windows hold `frames` frames each, or, as
// variants, together.
double StepBytes(const cpu::TokenModel& lm, size_t requests, bool variants, int frames,
                 double position) {
  const double token =
      static_cast<double>(lm.CrossCacheBytes(cpu::kKeyPositions)) / cpu::kKeyPositions;
  const double step =
      static_cast<double>(lm.SelfCacheBytes(cpu::kKeyPositions)) / cpu::kKeyPositions;
  const auto rows = static_cast<double>(requests);
  return static_cast<double>(lm.step_weight_bytes()) +
         token * kConditionTokens * ((variants ? 1 : rows) * frames + 1) +
         rows * step * 2 * position;
}

absl::StatusOr<json> MeasureSteps(const BenchFlags& flags, CpuMusicModel& model,
                                  absl::Span<Stream> streams, int frames, MachineProbe& probe) {
  const double before = probe.ReadBandwidth();
  const int steps = flags.steps;
  RETURN_IF_ERROR(Step(model, streams, 1));  // allocates scratch memory
  const int first = streams[0].window->length();
  std::vector<double> times;
  for (int i = 0; i < steps; ++i) {
    const Stopwatch watch;
    RETURN_IF_ERROR(Step(model, streams, 1));
    times.push_back(watch.Seconds());
  }
  std::sort(times.begin(), times.end());
  const double median = times[times.size() / 2];
  const double bandwidth = std::max(before, probe.ReadBandwidth());
  const double bytes =
      StepBytes(model.token_model(), streams.size(), flags.variants, frames, first + steps / 2.0);
  json result;
  result["requests"] = streams.size();
  result["position"] = first;
  result["median_ms"] = median * 1e3;
  result["best_ms"] = times[0] * 1e3;
  result["read_gb"] = bytes / 1e9;
  result["probe_gb_s"] = bandwidth;
  result["limit_ms"] = bytes / bandwidth / 1e6;
  result["share_of_bandwidth"] = bytes / 1e9 / median / bandwidth;
  result["frames_per_second"] = static_cast<double>(streams.size()) / median;
  return result;
}

absl::StatusOr<json> MeasureCodec(MusicModel& model) {
  ASSIGN_OR_RETURN(std::unique_ptr<AudioDecoder> decoder, model.NewAudioDecoder());
  std::mt19937 generator(3);
  const int seconds = 10;
  std::vector<float> samples;
  const Stopwatch watch;
  for (int i = 0; i < seconds; ++i) {
    std::vector<int32_t> tokens(kFrameRate * kCodebooks);
    for (int32_t& token : tokens) token = static_cast<int32_t>(generator() % model.info().card);
    RETURN_IF_ERROR(decoder->Push(tokens, i == seconds - 1, &samples));
  }
  return json{{"seconds_per_audio_second", watch.Seconds() / seconds},
              {"chunk_frames", kFrameRate}};
}

// Measures decoding steps for each of `request_counts`.
absl::StatusOr<json> MeasureDecoding(const BenchFlags& flags, CpuMusicModel& model,
                                     const VideoCondition& condition,
                                     const std::vector<int>& request_counts, MachineProbe& probe) {
  const int capacity = kFrameRate * flags.seconds + kCodebooks - 1;
  const int needed = static_cast<int>(request_counts.size()) * (flags.steps + 1);
  int position = flags.position;
  if (position < 0) position = capacity / 2;
  position = std::min(position, capacity - needed);
  if (position < 0)
    return absl::InvalidArgumentError("--steps do not fit into a window of --seconds");

  const int local_frames = condition.local_frames();
  std::vector<Stream> streams(*std::max_element(request_counts.begin(), request_counts.end()));
  json opens = json::array();
  const Stopwatch prefill;
  double open_seconds = 0;
  const int together = flags.variants ? static_cast<int>(streams.size()) : 1;
  std::vector<std::unique_ptr<Window>> windows;
  for (size_t i = 0; i < streams.size(); ++i) {
    streams[i].sampling.seed = i;
    if (windows.empty()) {
      const Stopwatch watch;
      ASSIGN_OR_RETURN(
          windows, model.OpenWindows(condition, 0, local_frames, capacity, together, CancelFlag()));
      opens.push_back(watch.Seconds());
      open_seconds += watch.Seconds();
    }
    streams[i].window = std::move(windows.back());
    windows.pop_back();
    for (int left = position; left > 0; left -= 128) {
      RETURN_IF_ERROR(Step(model, {&streams[i], 1}, std::min(left, 128)));
    }
  }
  const bool merged =
      flags.distinct_frames > 0 && cpu::IsReduced(model.token_model().cross_format());
  const int frames = merged ? std::min(flags.distinct_frames, local_frames) : local_frames;
  json result;
  result["window_open_s"] = opens;
  result["prefill_steps_per_s"] =
      static_cast<double>(streams.size()) * position / (prefill.Seconds() - open_seconds);
  for (const int count : request_counts) {
    ASSIGN_OR_RETURN(
        json one,
        MeasureSteps(flags, model, {streams.data(), static_cast<size_t>(count)}, frames, probe));
    result["step"].push_back(std::move(one));
  }
  return result;
}

absl::StatusOr<ModelSizes> SizesOf(const std::string& scale) {
  ASSIGN_OR_RETURN(const HashModelSizes hash, ScaleSizes(scale));
  ModelSizes sizes;
  sizes.clip_layers = hash.clip_layers;
  sizes.clip_mlp = hash.clip_mlp;
  sizes.lm.dim = hash.dim;
  sizes.lm.num_heads = hash.num_heads;
  sizes.lm.num_layers = hash.num_layers;
  sizes.lm.hidden_scale = hash.hidden_scale;
  sizes.lm.card = hash.card;
  sizes.codec.dimension = hash.codec_dimension;
  sizes.codec.n_filters = hash.codec_filters;
  sizes.codec.bins = hash.codec_bins;
  return sizes;
}

// A stage's time, and the least time that this machine's memory and float32 arithmetic allow;
// bfloat16 products may be faster than that.
json StageShare(double seconds, const Cost& cost, const json& machine) {
  const double arithmetic = cost.flops / 1e9 / machine["float_gflop_s"].get<double>();
  const double reading = cost.bytes / 1e9 / machine["read_gb_s"].get<double>();
  return {{"seconds", seconds},
          {"gflop", cost.flops / 1e9},
          {"gb", cost.bytes / 1e9},
          {"limit_s", std::max(arithmetic, reading)},
          {"share_of_limit", std::max(arithmetic, reading) / seconds}};
}

// Shares of the stages other than decoding steps, which report their own share.
json Stages(const BenchFlags& flags, const json& measured, const ModelSizes& sizes,
            const std::string& precision, const json& machine) {
  const int seconds = flags.seconds;
  const DevicePrecision stored =
      precision == "fp32" ? DevicePrecision::kFp32 : DevicePrecision::kFp16;
  return {{"encode_video",
           StageShare(measured["encode_video_s"], EncodeVideo(sizes, seconds), machine)},
          {"open_window",
           StageShare(measured["window_open_s"][0],
                      OpenWindow(sizes.lm, stored, kLocalFrameRate * seconds * kConditionTokens),
                      machine)},
          {"codec_second", StageShare(measured["codec"]["seconds_per_audio_second"],
                                      DecodeSecond(sizes.codec), machine)}};
}

absl::StatusOr<json> MeasureModel(const BenchFlags& flags, const BenchModel& source,
                                  const std::string& precision,
                                  const std::vector<int>& request_counts, MachineProbe& probe) {
  json result;
  double load_seconds = 0;
  ASSIGN_OR_RETURN(auto model, MakeModel(source, precision, &load_seconds));
  result["load_s"] = load_seconds;
  result["model"] = {{"parameters", model->info().parameters},
                     {"precision", model->info().precision}};
  result["memory"] = {
      {"loaded_rss_gb", RssGb()},
      {"loaded_peak_rss_gb", PeakRssGb()},
      {"step_weights_gb", static_cast<double>(model->token_model().step_weight_bytes()) / 1e9}};

  const int seconds = flags.seconds;
  const VideoFrames video = RandomVideo(seconds, flags.distinct_frames);
  const Stopwatch encoding;
  ASSIGN_OR_RETURN(const auto condition, model->EncodeVideo(video, CancelFlag()));
  result["encode_video_s"] = encoding.Seconds();
  result["memory"]["window_gb"] =
      static_cast<double>(
          model->WindowBytes(condition->local_frames(), kFrameRate * seconds + kCodebooks - 1)) /
      1e9;

  ASSIGN_OR_RETURN(const json decoding,
                   MeasureDecoding(flags, *model, *condition, request_counts, probe));
  result.update(decoding);
  ASSIGN_OR_RETURN(result["codec"], MeasureCodec(*model));
  result["memory"]["peak_rss_gb"] = PeakRssGb();
  ASSIGN_OR_RETURN(result["first_audio"], MeasureFirstAudio(std::move(model), video));
  return result;
}

absl::StatusOr<json> RunModelCost(const BenchFlags& flags, const std::vector<int>& request_counts) {
  ASSIGN_OR_RETURN(const ModelSizes sizes, SizesOf(flags.scale));
  std::vector<DevicePrecision> known;
  for (const std::string& precision : flags.precisions) {
    ASSIGN_OR_RETURN(known.emplace_back(), FindDevicePrecision(precision));
  }
  return ModelCost(sizes, known, request_counts, flags.seconds);
}

// Parses a flag of comma-separated counts, each from 1 to `most`.
absl::StatusOr<std::vector<int>> Counts(const char* flag, const std::vector<std::string>& texts,
                                        int most) {
  std::vector<int> counts;
  for (const std::string& text : texts) {
    int count = 0;
    if (!absl::SimpleAtoi(text, &count) || count < 1 || count > most) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", flag, " has '", text, "', expected 1 to ", most));
    }
    counts.push_back(count);
  }
  if (counts.empty()) return absl::InvalidArgumentError(absl::StrCat("--", flag, " is empty"));
  return counts;
}

absl::StatusOr<std::vector<bool>> Switches(const char* flag,
                                           const std::vector<std::string>& texts) {
  std::vector<bool> switches;
  for (const std::string& text : texts) {
    if (text != "on" && text != "off") {
      return absl::InvalidArgumentError(
          absl::StrCat("--", flag, " has '", text, "', expected on or off"));
    }
    switches.push_back(text == "on");
  }
  return switches;
}

absl::StatusOr<json> RunDevice(const BenchFlags& flags, const std::vector<int>& request_counts) {
  DeviceBenchOptions options;
  options.device = flags.device;
  options.scale = flags.scale;
  options.precisions = flags.precisions;
  ASSIGN_OR_RETURN(options.slots, Counts("slots", flags.slots, 256));
  options.requests = request_counts;
  options.seconds = flags.seconds;
  options.steps = flags.steps;
  const int capacity = kFrameRate * options.seconds + kCodebooks - 1;
  // Each measurement adds its own steps and three warm-up steps to the position.
  const int needed = static_cast<int>(request_counts.size()) * (options.steps + 3);
  options.position = flags.position < 0 ? capacity / 2 : std::min(flags.position, capacity);
  options.position = std::min(options.position, capacity - needed);
  if (options.position < 0) {
    return absl::InvalidArgumentError("--steps do not fit into a window of --seconds");
  }
  ASSIGN_OR_RETURN(options.graphs, Switches("graphs", flags.graphs));
  ASSIGN_OR_RETURN(options.kernels, Switches("kernels", flags.kernels));
  if (!flags.model_dir.empty()) {
    return absl::InvalidArgumentError("--device takes a --scale, not a --model_dir");
  }
  ASSIGN_OR_RETURN(const HashModelSizes hash, ScaleSizes(options.scale));
  ASSIGN_OR_RETURN(const ModelSizes sizes, SizesOf(options.scale));
  return MeasureDevice(options, HashFiles(hash), sizes);
}

absl::StatusOr<json> Run(const BenchFlags& flags, const std::vector<int>& request_counts) {
  BenchModel source;
  source.scale = flags.scale;
  source.model_dir = flags.model_dir;
  source.threads = flags.threads;
  const std::vector<std::string> precisions = flags.precisions;
  if (flags.model_cost) return RunModelCost(flags, request_counts);
  if (flags.codec) {
    return MeasureCodecs(source, precisions, request_counts, flags.seconds, flags.rounds);
  }
  if (flags.quality) {
    QualityOptions options;
    options.precisions = precisions;
    options.videos = flags.videos;
    options.seconds = flags.seconds;
    options.steps = flags.steps;
    return MeasureQuality(source, options);
  }
  if (flags.device != "cpu") return RunDevice(flags, request_counts);
  const int cores = UsableCpus();
  MachineProbe probe(source.threads > 0 ? source.threads : cores);
  json result;
  result["scale"] = source.model_dir.empty() ? source.scale : source.model_dir;
  result["machine"] = {{"cpu", CpuName()},
                       {"cores", cores},
                       {"kernels", (*cpu::CpuKernels())->name},
                       {"read_gb_s", probe.ReadBandwidth()},
                       {"float_gflop_s", probe.FloatRate()}};
  for (const std::string& precision : precisions) {
    json& measured = result["precisions"][precision];
    ASSIGN_OR_RETURN(measured, MeasureModel(flags, source, precision, request_counts, probe));
    if (!source.model_dir.empty()) continue;  // a checkpoint's sizes aren't known here
    ASSIGN_OR_RETURN(const ModelSizes sizes, SizesOf(source.scale));
    measured["stages"] = Stages(flags, measured, sizes, precision, result["machine"]);
  }
  return result;
}

int Main(const std::vector<std::string>& args) {
  const FlagTable<BenchFlags> table = BenchFlagTable();
  BenchFlags flags;
  const absl::StatusOr<CommandLine> line = table.Parse(args, &flags);
  if (line.ok() && line->help) {
    std::cout << "Measures each stage of VidMuse and its decoding step, or its quality in reduced "
                 "precision; prints JSON.\n\n"
              << table.Help();
    return 0;
  }
  const auto run = [&]() -> absl::StatusOr<json> {
    if (!line.ok()) return line.status();
    if (!line->rest.empty()) return NotAFlagError(line->rest[0]);
    ASSIGN_OR_RETURN(const std::vector<int> counts, Counts("requests", flags.requests, 256));
    return Run(flags, counts);
  };
  const absl::StatusOr<json> result = run();
  if (!result.ok()) {
    std::cerr << "vidmuse_bench: " << result.status().message() << "\n";
    return 1;
  }
  std::cout << result->dump(2) << std::endl;
  return 0;
}

}  // namespace
}  // namespace vidmuse

int main(int argc, char** argv) {
  if (vidmuse::PrintVersionIfAsked(argc, argv)) return 0;
  return vidmuse::Main(std::vector<std::string>(argv + 1, argv + argc));
}
