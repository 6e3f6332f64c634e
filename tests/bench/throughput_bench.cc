// Measures the whole generator under load: seconds of audio per second for several numbers of
// concurrent requests, and how much a reader that reads nothing slows the others. Weights and
// frames are random. Prints one JSON object.
#include <atomic>
#include <chrono>
#include <cstring>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "core/base/clock.h"
#include "core/base/flag_table.h"
#include "core/base/flag_type.h"
#include "core/base/version.h"
#include "core/generator/generator_impl.h"
#include "core/model/load_model.h"
#include "core/model/synthetic/hash_model.h"
#include "nlohmann/json.hpp"
#include "tests/support/stream_reader.h"
#include "vidmuse/audio_format.h"
#include "vidmuse/limits.h"
#include "vidmuse/request.h"

namespace vidmuse {
namespace {

using nlohmann::json;

constexpr absl::Duration kDeadline = absl::Minutes(10);

// What each field means stands in the table of flags.
struct ThroughputFlags {
  int dim = 256;
  int layers = 8;
  int card = 2048;
  int clip_layers = 2;
  int codec_filters = 16;
  int seconds = 10;
  std::string precision;
  std::vector<std::string> requests = {"1", "2", "4", "8", "16"};
};

FlagTable<ThroughputFlags> Flags() {
  using F = ThroughputFlags;
  return FlagTable<F>({
      {"dim", &F::dim, NumberType<int>(), "width of the token model; 64 a head"},
      {"layers", &F::layers, NumberType<int>(), "layers of the token model"},
      {"card", &F::card, NumberType<int>(), "tokens a codebook"},
      {"clip_layers", &F::clip_layers, NumberType<int>(), "layers of the CLIP tower"},
      {"codec_filters", &F::codec_filters, NumberType<int>(), "width of the codec"},
      {"seconds", &F::seconds, NumberType<int>(1, 600), "length of each video"},
      {"precision", &F::precision, TextType(), "as vidmuse_server's --precision"},
      {"requests", &F::requests, ListType(), "how many requests run at once; one measurement each"},
  });
}

absl::StatusOr<VideoFrames> RandomVideo(absl::string_view seed, int seconds) {
  std::mt19937 random(static_cast<unsigned>(std::hash<std::string>()(std::string(seed))));
  VideoFrames video;
  video.seconds = seconds;
  const int distinct = 2 * video.seconds;
  for (int i = 0; i < distinct; ++i) {
    std::vector<uint8_t> frame(3 * kFrameSize * kFrameSize);
    for (size_t at = 0; at + 4 <= frame.size(); at += 4) {
      const uint32_t value = random();
      std::memcpy(frame.data() + at, &value, 4);
    }
    video.frames.push_back(std::move(frame));
    video.local.push_back(i);
  }
  for (int i = 0; i < kGlobalFrames; ++i) video.global.push_back(i * distinct / kGlobalFrames);
  return video;
}

absl::StatusOr<std::unique_ptr<Generator>> NewBenchGenerator(const ThroughputFlags& flags,
                                                             MetricsSink* metrics) {
  HashModelSizes sizes;
  sizes.dim = flags.dim;
  sizes.num_heads = sizes.dim / 64;
  sizes.num_layers = flags.layers;
  sizes.hidden_scale = 4;
  sizes.card = sizes.codec_bins = flags.card;
  sizes.clip_layers = flags.clip_layers;
  sizes.codec_filters = flags.codec_filters;
  if (absl::Status status = CheckHashModelSizes(sizes); !status.ok()) return status;
  ModelOptions model_options;
  model_options.precision = flags.precision;
  auto model = LoadModelFromFiles(HashLmFile(sizes), HashCodecFile(sizes), model_options);
  if (!model.ok()) return model.status();
  GeneratorOptions options;
  options.limits.max_batch = 17;
  options.limits.max_queued_bytes = 4ull << 30;
  return NewGenerator(*std::move(model),
                      ReadingWhole([seconds = flags.seconds](absl::string_view file, const Limits&,
                                                             int, const CancelFlag&) {
                        return RandomVideo(file, seconds);
                      }),
                      options, Clock::Real(), metrics);
}

std::unique_ptr<MusicStream> Submit(Generator& generator, int video) {
  GenerationRequest request;
  request.format = AudioFormat::kPcmS16le;
  request.loudness = LoudnessMode::kNone;
  request.request_id = std::to_string(video);
  auto stream = *generator.Submit(request);
  if (!stream->AppendVideo(std::to_string(video)).ok() || !stream->FinishVideo().ok()) std::abort();
  return stream;
}

// Starts `count` requests at once and reads their audio as it comes.
json Run(const ThroughputFlags& flags, Generator& generator, int count) {
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> readers;
  std::vector<double> first_audio(count), generate(count);
  std::atomic<bool> failed{false};
  for (int i = 0; i < count; ++i) {
    readers.emplace_back([&, i] {
      const ReadSong song = ReadToEnd(*Submit(generator, i), kDeadline);
      if (!song.finished.ok()) {
        failed = true;
        return;
      }
      first_audio[i] = song.finished->seconds.first_audio;
      generate[i] = song.finished->seconds.generate;
    });
  }
  for (std::thread& reader : readers) reader.join();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (failed) return {{"error", "a request failed"}};
  double first = 0, steps = 0;
  for (int i = 0; i < count; ++i) {
    first += first_audio[i] / count;
    steps += generate[i] / count;
  }
  const double frames = flags.seconds * 50.0 + 3;
  return {{"requests", count},
          {"audio_seconds_per_second", count * flags.seconds / seconds},
          {"generation_alone_audio_seconds_per_second", count * flags.seconds / steps},
          {"step_ms", 1000 * steps / frames},
          {"mean_seconds_to_first_audio", first},
          {"wall_seconds", seconds}};
}

int Measure(const ThroughputFlags& flags) {
  NullMetricsSink metrics;
  const auto generator = NewBenchGenerator(flags, &metrics);
  if (!generator.ok()) {
    std::cerr << generator.status() << "\n";
    return 1;
  }
  json result;
  result["model"] = {{"dim", flags.dim},
                     {"layers", flags.layers},
                     {"precision", (*generator)->model_info().precision},
                     {"video_seconds", flags.seconds}};
  Run(flags, **generator, 1);  // warms up
  for (const std::string& count : flags.requests) {
    int requests = 0;
    if (!absl::SimpleAtoi(count, &requests) || requests < 1 || requests > 16) return 2;
    result["runs"].push_back(Run(flags, **generator, requests));
  }
  // Four requests run beside a fifth, whose reader either reads everything at once, or nothing
  // until the four have ended.
  {
    const auto fifth = Submit(**generator, 100);
    std::thread reader([&] { ReadToEnd(*fifth, kDeadline); });
    result["four_beside_a_fast_reader"] = Run(flags, **generator, 4);
    reader.join();
  }
  {
    const auto fifth = Submit(**generator, 100);
    result["four_beside_a_reader_that_takes_nothing"] = Run(flags, **generator, 4);
  }
  std::cout << result.dump(2) << "\n";
  return 0;
}

int Main(const std::vector<std::string>& args) {
  const FlagTable<ThroughputFlags> table = Flags();
  ThroughputFlags flags;
  const absl::StatusOr<CommandLine> line = table.Parse(args, &flags);
  if (line.ok() && line->help) {
    std::cout << "Throughput of the whole generator; prints JSON.\n\n" << table.Help();
    return 0;
  }
  const absl::Status status = !line.ok()           ? line.status()
                              : line->rest.empty() ? absl::OkStatus()
                                                   : NotAFlagError(line->rest[0]);
  if (status.ok()) return Measure(flags);
  std::cerr << "vidmuse_throughput: " << status.message() << "\n";
  return 1;
}

}  // namespace
}  // namespace vidmuse

int main(int argc, char** argv) {
  if (vidmuse::PrintVersionIfAsked(argc, argv)) return 0;
  return vidmuse::Main(std::vector<std::string>(argv + 1, argv + argc));
}
