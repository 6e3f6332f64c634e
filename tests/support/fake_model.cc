#include "tests/support/fake_model.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <utility>

#include "core/engine/window_plan.h"
#include "core/model/architecture/delay_pattern.h"

namespace vidmuse {
namespace {

uint64_t Mix(uint64_t hash, uint64_t value) {
  uint64_t z = hash * 0x9e3779b97f4a7c15 + value + 0x2545f4914f6cdd1d;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

class Condition final : public VideoCondition {
 public:
  Condition(int first, int local_frames, uint64_t seed, size_t bytes,
            std::shared_ptr<FakeConditionCounts> counts)
      : first(first),
        seed(seed),
        local_frames_(local_frames),
        bytes_(bytes),
        counts_(std::move(counts)) {
    const int now = counts_->now += local_frames_;
    int most = counts_->most;
    while (now > most && !counts_->most.compare_exchange_weak(most, now)) {
    }
  }
  ~Condition() override { counts_->now -= local_frames_; }
  int local_frames() const override { return local_frames_; }
  size_t bytes() const override { return bytes_; }

  const int first;  // the video's local frame that is the condition's first
  const uint64_t seed;

 private:
  const int local_frames_;
  const size_t bytes_;
  const std::shared_ptr<FakeConditionCounts> counts_;
};

// What a fake video's local frame says: the video, and its own number. Black frames are of video 0,
// and have no number.
struct FakeFrame {
  uint64_t seed = 0;
  uint64_t number = 0;  // from 1 on
};

FakeFrame ReadFrame(const VideoFrames& video, size_t local) {
  const std::vector<uint8_t>& pixels = video.frames.at(static_cast<size_t>(video.local.at(local)));
  FakeFrame frame;
  std::memcpy(&frame, pixels.data(), sizeof(frame));
  return frame;
}

// Returns the number of the first local frame, counted from 0, or an error if not all of them are
// the video's or they don't follow one another.
absl::StatusOr<int> FirstFrame(const VideoFrames& video, uint64_t seed) {
  const uint64_t first = ReadFrame(video, 0).number;
  for (size_t i = 0; i < video.local.size(); ++i) {
    const FakeFrame frame = ReadFrame(video, i);
    if (frame.seed != seed || (first > 0 && frame.number != first + i)) {
      return absl::InternalError("a frame out of order");
    }
  }
  return first > 0 ? static_cast<int>(first) - 1 : 0;
}

class FakeWindow final : public Window {
 public:
  FakeWindow(uint64_t hash, int capacity, std::shared_ptr<std::atomic<int>> open)
      : hash(hash), capacity_(capacity), open_(std::move(open)) {
    ++*open_;
  }
  ~FakeWindow() override { --*open_; }
  int length() const override { return length_; }
  int capacity() const override { return capacity_; }

  // Hash of the window's condition and of everything fed so far.
  uint64_t hash;
  int length_ = 0;

 private:
  const int capacity_;
  const std::shared_ptr<std::atomic<int>> open_;
};

uint64_t WindowHash(uint64_t seed, int first_frame, int frame_count) {
  return Mix(Mix(seed, first_frame), frame_count);
}

int32_t Draw(uint64_t hash, const SamplingOptions& sampling, int64_t frame, int codebook,
             int card) {
  uint64_t draw = Mix(hash, codebook);
  if (!sampling.IsGreedy())
    draw = Mix(Mix(draw, sampling.seed), static_cast<uint64_t>(frame - codebook));
  return static_cast<int32_t>(draw % card);
}

// Each frame's samples are known three frames later, as with the real codec's lookahead.
class FakeDecoder final : public AudioDecoder {
 public:
  explicit FakeDecoder(const FakeModel* model) : model_(model) {}

  absl::Status Push(absl::Span<const int32_t> tokens, bool last,
                    std::vector<float>* samples) override {
    if (model_->on_audio) {
      if (absl::Status status = model_->on_audio(); !status.ok()) return status;
    }
    const int codebooks = model_->info().codebooks;
    for (size_t i = 0; i < tokens.size(); i += codebooks) {
      uint64_t hash = 1;
      for (int k = 0; k < codebooks; ++k) hash = Mix(hash, tokens[i + k]);
      frames_.push_back(hash);
    }
    const size_t ready =
        last ? frames_.size() : frames_.size() - std::min<size_t>(frames_.size(), 3);
    for (; done_ < ready; ++done_) {
      for (int i = 0; i < model_->info().samples_per_frame; ++i) {
        const uint64_t z = Mix(frames_[done_], i);
        samples->push_back(static_cast<float>(z >> 40) * 0x1p-24f - 0.5f);
      }
    }
    return absl::OkStatus();
  }

 private:
  const FakeModel* const model_;
  std::vector<uint64_t> frames_;
  size_t done_ = 0;
};

}  // namespace

FakeModel::FakeModel() {
  info_.name = "fake";
  info_.scale = "custom";
  info_.device = "cpu";
  info_.precision = "fp32";
  info_.card = 2048;
  info_.encodes_audio = true;
}

absl::StatusOr<std::shared_ptr<const VideoCondition>> FakeModel::EncodeVideo(
    const VideoFrames& video, const CancelFlag& cancel) {
  if (on_encode) {
    if (absl::Status status = on_encode(); !status.ok()) return status;
  }
  if (cancel.cancelled()) return absl::CancelledError("cancelled");
  const uint64_t seed = ReadFrame(video, 0).seed;
  absl::StatusOr<int> first = FirstFrame(video, seed);
  if (!first.ok()) return first.status();
  if (video.global.size() != kGlobalFrames) return absl::InternalError("no global frames");
  return std::make_shared<Condition>(*first, static_cast<int>(video.local.size()), seed,
                                     condition_bytes, counts_);
}

absl::StatusOr<std::shared_ptr<const VideoCondition>> FakeModel::EncodeMore(
    const VideoCondition& condition, int first_frame, const VideoFrames& more,
    const CancelFlag& cancel) {
  if (cancel.cancelled()) return absl::CancelledError("cancelled");
  const auto& fake = static_cast<const Condition&>(condition);
  const int kept = fake.local_frames() - first_frame;
  if (first_frame < 0 || kept < 0) return absl::InternalError("frames that are not there");
  int first = fake.first + first_frame;
  if (!more.local.empty()) {
    absl::StatusOr<int> next = FirstFrame(more, fake.seed);
    if (!next.ok()) return next.status();
    if (kept > 0 ? *next != first + kept : *next < first) {
      return absl::InternalError("frames that don't go on where others ended");
    }
    if (on_encode_more) {
      if (absl::Status status = on_encode_more(*next); !status.ok()) return status;
    }
    if (kept == 0) first = *next;
  }
  return std::make_shared<Condition>(first, kept + static_cast<int>(more.local.size()), fake.seed,
                                     condition_bytes, counts_);
}

size_t FakeModel::WindowBytes(int local_frames, int steps) const {
  return static_cast<size_t>(local_frames) * 100 + static_cast<size_t>(steps) * 10;
}

absl::StatusOr<std::unique_ptr<Window>> FakeModel::OpenWindow(const VideoCondition& condition,
                                                              int first_frame, int frame_count,
                                                              int steps, const CancelFlag&) {
  if (on_open) {
    if (absl::Status status = on_open(); !status.ok()) return status;
  }
  const auto& fake = static_cast<const Condition&>(condition);
  if (first_frame < 0 || frame_count < 1 || first_frame + frame_count > fake.local_frames()) {
    return absl::InternalError("window outside the video");
  }
  return std::make_unique<FakeWindow>(WindowHash(fake.seed, fake.first + first_frame, frame_count),
                                      steps, open_windows_);
}

absl::Status FakeModel::Step(absl::Span<StepRequest> requests) {
  ++steps_;
  if (on_step) {
    if (absl::Status status = on_step(requests); !status.ok()) return status;
  }
  for (StepRequest& request : requests) {
    auto& window = static_cast<FakeWindow&>(*request.window);
    const int count = static_cast<int>(request.tokens.size()) / info_.codebooks;
    if (count < 1 || window.length() + count > window.capacity()) {
      return absl::InternalError("a step outside its window's capacity");
    }
    for (int32_t token : request.tokens) {
      if (token < 0 || token > info_.card) return absl::InternalError("a token that is not known");
      window.hash = Mix(window.hash, token);
    }
    window.length_ += count;
    if (request.sampling == nullptr) continue;
    for (int k = 0; k < info_.codebooks; ++k) {
      request.next_tokens[k] = Draw(window.hash, *request.sampling, request.frame, k, info_.card);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<AudioDecoder>> FakeModel::NewAudioDecoder() {
  return std::make_unique<FakeDecoder>(this);
}

absl::StatusOr<std::vector<int32_t>> FakeModel::EncodeAudio(absl::Span<const float> samples,
                                                            const CancelFlag& cancel) {
  if (on_prompt) {
    if (absl::Status status = on_prompt(); !status.ok()) return status;
  }
  if (cancel.cancelled()) return absl::CancelledError("cancelled");
  return FakeTokens(samples);
}

std::vector<int32_t> FakeTokens(absl::Span<const float> samples) {
  const ModelInfo info;
  std::vector<int32_t> tokens;
  for (size_t at = 0; at < samples.size(); at += info.samples_per_frame) {
    uint64_t hash = 2;
    for (const float sample : samples.subspan(at, info.samples_per_frame)) {
      hash = Mix(hash, std::bit_cast<uint32_t>(sample));
    }
    for (int k = 0; k < info.codebooks; ++k) {
      tokens.push_back(static_cast<int32_t>(Mix(hash, k) % info.card));
    }
  }
  return tokens;
}

std::shared_ptr<const VideoCondition> FakeCondition(int seconds, uint64_t seed, size_t bytes) {
  return std::make_shared<Condition>(0, 2 * seconds, seed, bytes,
                                     std::make_shared<FakeConditionCounts>());
}

VideoFrames FakeFrames(int seconds, uint64_t seed) {
  VideoFrames frames;
  frames.seconds = seconds;
  for (int i = 0; i < 2 * seconds; ++i) {
    const FakeFrame frame = {seed, static_cast<uint64_t>(i) + 1};
    frames.frames.emplace_back(sizeof(frame));
    std::memcpy(frames.frames.back().data(), &frame, sizeof(frame));
    frames.local.push_back(i);
  }
  frames.global.assign(kGlobalFrames, 0);
  return frames;
}

// Follows the published loop directly, including its windows, without the engine's classes.
std::vector<int32_t> FakeSong(int seconds, uint64_t video_seed, const SamplingOptions& sampling,
                              int overlap, const std::vector<int32_t>& prompt,
                              Alignment alignment) {
  const int stride = 1500 - overlap, local_stride = stride / 25;
  const FakeModel model;
  const int codebooks = model.info().codebooks;
  const int card = model.info().card;
  std::vector<std::vector<int32_t>> song;  // [frames][codebooks]
  for (size_t i = 0; i < prompt.size(); i += codebooks) {
    song.emplace_back(prompt.begin() + i, prompt.begin() + i + codebooks);
  }
  int remaining_local = 2 * seconds;
  int first_local = 0;
  for (int offset = 0; offset == 0 || offset + overlap < seconds * 50; offset += stride) {
    const int frames = std::min(seconds * 50 - offset, 1500);
    const int local = std::min(frames / 25, remaining_local);
    uint64_t hash = WindowHash(video_seed, first_local, local);
    std::vector<std::vector<int32_t>> window(song.begin() + std::min<size_t>(offset, song.size()),
                                             song.end());
    const int known = static_cast<int>(window.size());
    window.resize(frames, std::vector<int32_t>(codebooks, -1));
    const auto token = [&](int step, int k) -> int32_t {
      const int frame = FrameAt(step, k);
      return frame < 0 || frame >= frames ? card : window[frame][k];
    };
    int fed = 0;
    for (int step = StepOf(known, 0); step < SequenceSteps(frames, codebooks); ++step) {
      for (; fed < step; ++fed) {
        for (int k = 0; k < codebooks; ++k) hash = Mix(hash, token(fed, k));
      }
      for (int k = 0; k < codebooks; ++k) {
        const int frame = FrameAt(step, k);
        if (frame < known || frame >= frames) continue;
        window[frame][k] = Draw(hash, sampling, offset + FrameAt(step, 0), k, card);
      }
    }
    song.insert(song.end(), window.begin() + known, window.end());
    const bool keeps_60 = alignment == Alignment::kReference && remaining_local - local_stride < 60;
    const int dropped = keeps_60 ? std::max(remaining_local - 60, 0) : local_stride;
    first_local += dropped;
    remaining_local -= dropped;
  }
  std::vector<int32_t> flat;
  for (const auto& frame : song) flat.insert(flat.end(), frame.begin(), frame.end());
  return flat;
}

}  // namespace vidmuse
