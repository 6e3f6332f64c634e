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

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/numbers.h"
#include "core/base/clock.h"
#include "core/generator/generator_impl.h"
#include "core/model/hash_model/hash_model.h"
#include "core/model/load_model.h"
#include "nlohmann/json.hpp"
#include "tests/support/stream_reader.h"
#include "vidmuse/audio_format.h"
#include "vidmuse/limits.h"
#include "vidmuse/request.h"

ABSL_FLAG(int, dim, 256, "width of the token model; 64 a head");
ABSL_FLAG(int, layers, 8, "layers of the token model");
ABSL_FLAG(int, card, 2048, "tokens a codebook");
ABSL_FLAG(int, clip_layers, 2, "layers of the CLIP tower");
ABSL_FLAG(int, codec_filters, 16, "width of the codec");
ABSL_FLAG(int, seconds, 10, "length of each video");
ABSL_FLAG(std::string, precision, "", "as vidmuse_server's --precision");
ABSL_FLAG(std::vector<std::string>, requests, std::vector<std::string>({"1", "2", "4", "8", "16"}),
          "how many requests run at once; one measurement each");

namespace vidmuse {
namespace {

using nlohmann::json;

constexpr absl::Duration kDeadline = absl::Minutes(10);

absl::StatusOr<VideoFrames> RandomVideo(absl::string_view seed, const Limits&, int,
                                        const CancelFlag&) {
  std::mt19937 random(static_cast<unsigned>(std::hash<std::string>()(std::string(seed))));
  VideoFrames video;
  video.seconds = absl::GetFlag(FLAGS_seconds);
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

absl::StatusOr<std::unique_ptr<Generator>> NewBenchGenerator(MetricsSink* metrics) {
  HashModelSizes sizes;
  sizes.dim = absl::GetFlag(FLAGS_dim);
  sizes.num_heads = sizes.dim / 64;
  sizes.num_layers = absl::GetFlag(FLAGS_layers);
  sizes.hidden_scale = 4;
  sizes.card = sizes.codec_bins = absl::GetFlag(FLAGS_card);
  sizes.clip_layers = absl::GetFlag(FLAGS_clip_layers);
  sizes.codec_filters = absl::GetFlag(FLAGS_codec_filters);
  if (absl::Status status = CheckHashModelSizes(sizes); !status.ok()) return status;
  ModelOptions model_options;
  model_options.precision = absl::GetFlag(FLAGS_precision);
  auto model = LoadModelFromFiles(HashLmFile(sizes), HashCodecFile(sizes), model_options);
  if (!model.ok()) return model.status();
  GeneratorOptions options;
  options.limits.max_batch = 17;
  options.limits.max_queued_bytes = 4ull << 30;
  return NewGenerator(*std::move(model), RandomVideo, options, Clock::Real(), metrics);
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
json Run(Generator& generator, int count) {
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
  const double frames = absl::GetFlag(FLAGS_seconds) * 50.0 + 3;
  return {
      {"requests", count},
      {"audio_seconds_per_second", count * absl::GetFlag(FLAGS_seconds) / seconds},
      {"generation_alone_audio_seconds_per_second", count * absl::GetFlag(FLAGS_seconds) / steps},
      {"step_ms", 1000 * steps / frames},
      {"mean_seconds_to_first_audio", first},
      {"wall_seconds", seconds}};
}

int Main() {
  NullMetricsSink metrics;
  const auto generator = NewBenchGenerator(&metrics);
  if (!generator.ok()) {
    std::cerr << generator.status() << "\n";
    return 1;
  }
  json result;
  result["model"] = {{"dim", absl::GetFlag(FLAGS_dim)},
                     {"layers", absl::GetFlag(FLAGS_layers)},
                     {"precision", (*generator)->model_info().precision},
                     {"video_seconds", absl::GetFlag(FLAGS_seconds)}};
  Run(**generator, 1);  // warms up
  for (const std::string& count : absl::GetFlag(FLAGS_requests)) {
    int requests = 0;
    if (!absl::SimpleAtoi(count, &requests) || requests < 1 || requests > 16) return 2;
    result["runs"].push_back(Run(**generator, requests));
  }
  // Four requests run beside a fifth, whose reader either reads everything at once, or nothing
  // until the four have ended.
  {
    const auto fifth = Submit(**generator, 100);
    std::thread reader([&] { ReadToEnd(*fifth, kDeadline); });
    result["four_beside_a_fast_reader"] = Run(**generator, 4);
    reader.join();
  }
  {
    const auto fifth = Submit(**generator, 100);
    result["four_beside_a_reader_that_takes_nothing"] = Run(**generator, 4);
  }
  std::cout << result.dump(2) << "\n";
  return 0;
}

}  // namespace
}  // namespace vidmuse

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("Throughput of the whole generator; prints JSON");
  absl::ParseCommandLine(argc, argv);
  return vidmuse::Main();
}
