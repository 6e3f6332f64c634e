// How a song is cut into chunks while it is made.
#include "core/engine/audio_pipeline.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vidmuse {
namespace {

constexpr int kCodebooks = 4;
constexpr int kFrameSamples = 640;
constexpr int kFrames = 1500;  // 30 s

// Holds back as many samples as the published codec does.
class DelayedDecoder final : public AudioDecoder {
 public:
  absl::Status Push(absl::Span<const int32_t> codes, bool last,
                    std::vector<float>* samples) override {
    made_ += static_cast<int64_t>(codes.size()) / kCodebooks * kFrameSamples;
    const int64_t end = last ? made_ : std::max<int64_t>(out_, made_ - 2402);
    for (; out_ < end; ++out_) samples->push_back(out_ / 40 % 2 ? 0.1f : -0.1f);
    return absl::OkStatus();
  }

 private:
  int64_t made_ = 0, out_ = 0;
};

struct Cut {
  int64_t frames;  // that the chunk takes
  double seconds;  // of audio in it
};

ModelInfo Model() {
  ModelInfo model;
  model.codebooks = kCodebooks;
  model.samples_per_frame = kFrameSamples;
  model.sample_rate = 32000;
  model.frame_rate = 50;
  model.channels = 1;
  return model;
}

std::vector<Cut> Cuts(LoudnessMode loudness, double chunk_seconds = 0, int64_t frames = kFrames) {
  AudioPipelineOptions options;
  options.format = AudioFormat::kPcmS16le;
  options.loudness = loudness;
  options.total_frames = frames;
  options.chunk_seconds = chunk_seconds;
  auto pipeline = AudioPipeline::Create(options, Model(), std::make_unique<DelayedDecoder>());
  EXPECT_TRUE(pipeline.ok()) << pipeline.status();
  std::vector<Cut> cuts;
  while (!(*pipeline)->done()) {
    const int64_t needed = (*pipeline)->frames_needed();
    const std::vector<uint16_t> tokens(needed * kCodebooks, 7);
    const auto chunk = (*pipeline)->Next(tokens);
    EXPECT_TRUE(chunk.ok()) << chunk.status();
    if (!chunk.ok()) break;
    cuts.push_back({needed, *chunk ? static_cast<double>((*chunk)->num_samples) / 32000 : 0});
  }
  return cuts;
}

// The least time that a player has left when a chunk comes, if each frame takes `frame_seconds`.
double LeastLead(const std::vector<Cut>& cuts, double frame_seconds) {
  double now = 0, least = 1e9;
  std::optional<double> plays_until;
  for (const Cut& cut : cuts) {
    now += static_cast<double>(cut.frames) * frame_seconds;
    if (cut.seconds == 0) continue;
    if (plays_until) least = std::min(least, *plays_until - now);
    plays_until = std::max(plays_until.value_or(now), now) + cut.seconds;
  }
  return least;
}

double Seconds(const std::vector<Cut>& cuts) {
  double sum = 0;
  for (const Cut& cut : cuts) sum += cut.seconds;
  return sum;
}

TEST(AudioPipelineTest, ASongMadeAlmostInRealTimeNeverRunsDry) {
  for (const LoudnessMode loudness : {LoudnessMode::kNone, LoudnessMode::kStreaming}) {
    const std::vector<Cut> cuts = Cuts(loudness);
    EXPECT_NEAR(Seconds(cuts), 30, 1e-9);
    EXPECT_GT(LeastLead(cuts, 0.95 * 0.02), 0.02);
    EXPECT_GT(LeastLead(cuts, 0.8 * 0.02), 0.1);
    EXPECT_GT(std::max_element(cuts.begin(), cuts.end(),
                               [](const Cut& a, const Cut& b) { return a.frames < b.frames; })
                  ->frames,
              60);
  }
}

TEST(AudioPipelineTest, TheFirstAudioIsLongEnoughAndNotLate) {
  for (const auto& [loudness, most_frames] :
       {std::pair(LoudnessMode::kNone, 20), {LoudnessMode::kStreaming, 40}}) {
    int64_t frames = 0;
    double first = 0;
    for (const Cut& cut : Cuts(loudness)) {
      frames += cut.frames;
      first = cut.seconds;
      if (first > 0) break;
    }
    EXPECT_GE(first, 0.3);
    EXPECT_LE(frames, most_frames);
  }
}

TEST(AudioPipelineTest, ShortChunksAndShortSongs) {
  for (const LoudnessMode loudness :
       {LoudnessMode::kNone, LoudnessMode::kStreaming, LoudnessMode::kReference}) {
    for (const Cut& cut : Cuts(loudness, 0.1, 100)) {
      EXPECT_LE(cut.frames, 5);
      EXPECT_LE(cut.seconds, loudness == LoudnessMode::kReference ? 0.1 : 0.6);
    }
    for (const int64_t frames : {1, 12, 13, 14, 40, 60}) {
      EXPECT_NEAR(Seconds(Cuts(loudness, 0, frames)), 0.02 * static_cast<double>(frames), 1e-9);
    }
  }
}

// What a reader gets of a song.
std::vector<AudioChunk> Chunks(const AudioPipelineOptions& options) {
  auto pipeline = AudioPipeline::Create(options, Model(), std::make_unique<DelayedDecoder>());
  EXPECT_TRUE(pipeline.ok()) << pipeline.status();
  std::vector<AudioChunk> chunks;
  while (!(*pipeline)->done()) {
    const std::vector<uint16_t> tokens((*pipeline)->frames_needed() * kCodebooks, 7);
    auto chunk = (*pipeline)->Next(tokens);
    EXPECT_TRUE(chunk.ok()) << chunk.status();
    if (!chunk.ok()) break;
    if (chunk->has_value()) chunks.push_back(**std::move(chunk));
  }
  return chunks;
}

// Chunks may be shorter than the first audio and than an encoder's packets, so that some samples
// come with no tokens, and some with no bytes.
TEST(AudioPipelineTest, AStreamThatBreaksAfterAnyChunkGoesOnWhereItWas) {
  for (const LoudnessMode loudness : {LoudnessMode::kNone, LoudnessMode::kStreaming}) {
    for (const double chunk_seconds : {0.02, 0.1, 0.2, 0.5}) {
      AudioPipelineOptions options;
      options.format = AudioFormat::kMp3;
      options.loudness = loudness;
      options.total_frames = 100;
      options.chunk_seconds = chunk_seconds;
      options.return_tokens = true;
      const std::vector<AudioChunk> whole = Chunks(options);
      std::string all;
      for (const AudioChunk& chunk : whole) all += chunk.data;
      int64_t samples = 0;
      std::string bytes;
      for (const AudioChunk& chunk : whole) {
        samples += chunk.num_samples;
        bytes += chunk.data;
        options.known_frames += static_cast<int64_t>(chunk.tokens.size()) / kCodebooks;
        options.received_bytes = bytes.size();
        std::string rest = bytes;
        std::optional<int64_t> next;
        for (const AudioChunk& later : Chunks(options)) {
          rest += later.data;
          if (later.num_samples == 0) continue;
          if (next.has_value()) {
            EXPECT_EQ(later.first_sample, *next);
          } else {
            EXPECT_LE(later.first_sample, samples) << chunk_seconds;
          }
          next = later.first_sample + later.num_samples;
        }
        EXPECT_TRUE(rest == all) << chunk_seconds;
      }
    }
  }
}

}  // namespace
}  // namespace vidmuse
