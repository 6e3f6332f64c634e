#include "tests/bench/codec_bench.h"

#include <time.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/cpus.h"
#include "core/base/status_macros.h"
#include "core/model/checkpoint/codec_source.h"
#include "core/model/checkpoint/weight_reader.h"
#include "core/model/cpu/codec.h"
#include "core/model/cpu/kernels/kernel_choice.h"
#include "core/model/synthetic/hash_model.h"
#include "tests/bench/machine_probe.h"

namespace vidmuse {
namespace {

using nlohmann::json;

constexpr int kFrameRate = 50;

absl::StatusOr<CodecSource> OpenSource(const BenchModel& source) {
  if (!source.model_dir.empty()) return OpenCodec(source.model_dir, "");
  ASSIGN_OR_RETURN(const HashModelSizes sizes, ScaleSizes(source.scale));
  return AudiocraftCodec(HashCodecFile(sizes));
}

absl::StatusOr<cpu::Precision> FindPrecision(const std::string& name) {
  for (const cpu::Precision precision : cpu::kAllPrecisions) {
    if (name == cpu::PrecisionName(precision)) return precision;
  }
  return absl::InvalidArgumentError(absl::StrCat("--precisions has '", name, "'"));
}

double ProcessSeconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

struct Decoded {
  std::vector<float> samples;  // of the first stream
  double wall = 0, processor = 0;
};

absl::Status DecodeStream(std::shared_ptr<const cpu::Codec> codec, int seconds, int seed,
                          std::vector<float>* samples) {
  const CodecConfig& config = codec->config();
  cpu::CodecStream stream(codec);
  std::mt19937 generator(seed);
  for (int i = 0; i < seconds; ++i) {
    std::vector<int32_t> tokens(kFrameRate * config.codebooks);
    for (int32_t& token : tokens) token = static_cast<int32_t>(generator() % config.bins);
    RETURN_IF_ERROR(stream.Push(tokens, i == seconds - 1, samples));
  }
  return absl::OkStatus();
}

absl::StatusOr<Decoded> DecodeStreams(const std::shared_ptr<const cpu::Codec>& codec, int streams,
                                      int seconds) {
  std::vector<std::vector<float>> samples(streams);
  std::vector<absl::Status> statuses(streams);
  Decoded decoded;
  const double processor = ProcessSeconds();
  const Stopwatch watch;
  std::vector<std::thread> threads;
  for (int i = 0; i < streams; ++i) {
    threads.emplace_back([&, i] { statuses[i] = DecodeStream(codec, seconds, i, &samples[i]); });
  }
  for (std::thread& thread : threads) thread.join();
  decoded.wall = watch.Seconds() / (streams * seconds);
  decoded.processor = (ProcessSeconds() - processor) / (streams * seconds);
  for (const absl::Status& status : statuses) RETURN_IF_ERROR(status);
  decoded.samples = std::move(samples[0]);
  return decoded;
}

// Of `exact`, in dB above the difference.
double SignalToNoise(const std::vector<float>& exact, const std::vector<float>& samples) {
  double signal = 0, noise = 0;
  for (size_t i = 0; i < exact.size(); ++i) {
    signal += double{exact[i]} * exact[i];
    noise += (double{exact[i]} - samples[i]) * (double{exact[i]} - samples[i]);
  }
  return 10 * std::log10(signal / noise);
}

struct Times {
  std::vector<double> wall, processor;
};

json Summary(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {{"least", values.front()}, {"median", values[values.size() / 2]}};
}

}  // namespace

absl::StatusOr<json> MeasureCodecs(const BenchModel& source,
                                   const std::vector<std::string>& precisions,
                                   const std::vector<int>& stream_counts, int seconds, int rounds) {
  ASSIGN_OR_RETURN(const cpu::Kernels* kernels, cpu::CpuKernels());
  std::vector<std::shared_ptr<const cpu::Codec>> codecs;
  for (const std::string& precision : precisions) {
    ASSIGN_OR_RETURN(const CodecSource codec, OpenSource(source));
    ASSIGN_OR_RETURN(const cpu::Precision known, FindPrecision(precision));
    WeightReader weights(codec.file.get(), codec.prefix);
    ASSIGN_OR_RETURN(codecs.emplace_back(),
                     cpu::Codec::Load(codec.config, codec.names, weights, *kernels, known));
  }
  MachineProbe probe(UsableCpus());
  std::vector<std::vector<Times>> times(codecs.size(), std::vector<Times>(stream_counts.size()));
  std::vector<std::vector<float>> samples(codecs.size());
  json result;
  for (int round = 0; round < rounds; ++round) {
    result["read_gb_s"].push_back(probe.ReadBandwidth());
    for (size_t s = 0; s < stream_counts.size(); ++s) {
      for (size_t c = 0; c < codecs.size(); ++c) {
        ASSIGN_OR_RETURN(Decoded decoded, DecodeStreams(codecs[c], stream_counts[s], seconds));
        times[c][s].wall.push_back(decoded.wall);
        times[c][s].processor.push_back(decoded.processor);
        samples[c] = std::move(decoded.samples);
      }
    }
  }
  result["what"] = "seconds for each second of audio that all streams together decode";
  for (size_t c = 0; c < codecs.size(); ++c) {
    json& one = result["precisions"][precisions[c]];
    for (size_t s = 0; s < stream_counts.size(); ++s) {
      one["streams"].push_back({{"streams", stream_counts[s]},
                                {"wall", Summary(times[c][s].wall)},
                                {"processor", Summary(times[c][s].processor)}});
    }
    if (precisions[0] == "fp32" && c > 0) {
      one["signal_to_noise_db"] = SignalToNoise(samples[0], samples[c]);
    }
  }
  return result;
}

}  // namespace vidmuse
