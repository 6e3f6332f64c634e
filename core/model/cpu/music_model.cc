#include "core/model/cpu/music_model.h"

#include <algorithm>
#include <exception>
#include <new>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/architecture/checks.h"
#include "core/model/conditioner/host_condition.h"

namespace vidmuse {
namespace {

// Condition rows are projected this many at a time, which takes a few milliseconds, so that a
// cancelled request stops soon.
constexpr int kProjectRows = 96;
// Rows of a condition that tell how large its keys are.
constexpr int kFittedRows = 32;

// The frames whose keys and values a window holds: all of them as published, or the distinct ones
// in a reduced precision. Merging equal frames changes no more than the rounding.
cpu::DistinctFrames FramesToHold(const float* rows, int count, size_t size, cpu::KvFormat format) {
  if (cpu::IsReduced(format)) return cpu::FindDistinctFrames(rows, count, size);
  cpu::DistinctFrames all;
  all.frames.resize(count);
  std::iota(all.frames.begin(), all.frames.end(), 0);
  all.counts.assign(count, 1);
  return all;
}

// Runs `part`, which may throw std::bad_alloc.
template <typename Part>
absl::Status RunInMemory(Part part) try {
  part();
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return absl::ResourceExhaustedError("out of memory for the condition's keys and values");
}

class CpuWindow final : public Window {
 public:
  CpuWindow(const cpu::TokenModel& lm, std::shared_ptr<const cpu::KvCache> cross,
            int condition_tokens, int steps)
      : steps_(steps),
        condition_tokens_(condition_tokens),
        cross_(std::move(cross)),
        cond_(lm.NewSelfCache(steps)),
        null_(lm.NewSelfCache(steps)) {}

  int length() const override { return length_; }
  int capacity() const override { return steps_; }
  int condition_tokens() const { return condition_tokens_; }
  const cpu::KvCache* cross() { return cross_.get(); }
  cpu::KvCache* cond() { return cond_.get(); }
  cpu::KvCache* null() { return null_.get(); }
  void Advance(int steps) { length_ += steps; }

 private:
  const int steps_;
  const int condition_tokens_;
  const std::shared_ptr<const cpu::KvCache> cross_;
  const std::unique_ptr<cpu::KvCache> cond_, null_;
  int length_ = 0;
};

}  // namespace

CpuMusicModel::CpuMusicModel(ModelInfo info, std::unique_ptr<const VideoEncoder> encoder,
                             std::unique_ptr<cpu::TokenModel> lm,
                             std::shared_ptr<const cpu::Codec> codec,
                             std::unique_ptr<const CodecEncoder> codec_encoder, int device_threads,
                             int encode_threads)
    : info_(std::move(info)),
      encoder_(std::move(encoder)),
      lm_(std::move(lm)),
      codec_(std::move(codec)),
      codec_encoder_(std::move(codec_encoder)),
      pool_("condition", encode_threads),
      null_cross_(lm_->NewSelfCache(kTokensPerFrame)),
      team_(device_threads),
      samplers_(team_.size()) {
  // Attention over copies of the same keys equals attention over one copy, so one frame stands for
  // all.
  for (int layer = 0; layer < lm_->config().num_layers; ++layer) {
    lm_->ProjectCondition(layer, encoder_->null_condition().data(), kTokensPerFrame, 0,
                          null_cross_.get());
  }
}

absl::StatusOr<std::shared_ptr<const VideoCondition>> CpuMusicModel::EncodeVideo(
    const VideoFrames& video, const CancelFlag& cancel) {
  return HostCondition::Encode(*encoder_, video, cancel);
}

absl::StatusOr<std::shared_ptr<const VideoCondition>> CpuMusicModel::EncodeMore(
    const VideoCondition& condition, int first_frame, const VideoFrames& more,
    const CancelFlag& cancel) {
  return HostCondition::EncodeMore(*encoder_, condition, first_frame, more, cancel);
}

size_t CpuMusicModel::ContinuationBytes() const {
  return HostCondition::ContinuationBytes(*encoder_);
}

size_t CpuMusicModel::ConditionBytes(int local_frames) const {
  return HostCondition::Bytes(local_frames, lm_->config().dim);
}

size_t CpuMusicModel::WindowBytes(int local_frames, int steps) const {
  return WindowsBytes(local_frames, steps, 1);
}

size_t CpuMusicModel::WindowsBytes(int local_frames, int steps, int count) const {
  return lm_->CrossCacheBytes(local_frames * kTokensPerFrame) +
         2 * count * lm_->SelfCacheBytes(steps);
}

absl::Status CpuMusicModel::Project(const float* rows, const cpu::DistinctFrames& distinct,
                                    const CancelFlag& cancel, cpu::KvCache* cache) {
  const int tokens = static_cast<int>(distinct.frames.size()) * kTokensPerFrame;
  const int dim = lm_->config().dim;
  const auto copy_row = [&](int token, float* out) {
    const int frame = distinct.frames[token / kTokensPerFrame];
    const size_t row = size_t{kTokensPerFrame} * frame + token % kTokensPerFrame;
    std::copy_n(rows + row * dim, dim, out);
  };
  if (cpu::IsInteger(cache->format())) {
    const int count = std::min(kFittedRows, tokens);
    std::vector<float> some(size_t{1} * count * dim);
    for (int i = 0; i < count; ++i) copy_row(tokens * i / count, &some[size_t{1} * i * dim]);
    RETURN_IF_ERROR(pool_.Run(lm_->config().num_layers, cancel, [&](int layer) {
      return RunInMemory([&] { lm_->FitKeys(layer, some.data(), count, cache); });
    }));
    cache->set_fitted();
  }
  const int chunks = (tokens + kProjectRows - 1) / kProjectRows;
  return pool_.Run(lm_->config().num_layers * chunks, cancel, [&](int index) {
    const int first = index % chunks * kProjectRows;
    const int count = std::min(kProjectRows, tokens - first);
    return RunInMemory([&] {
      std::vector<float> some(size_t{1} * count * dim);
      for (int i = 0; i < count; ++i) copy_row(first + i, &some[size_t{1} * i * dim]);
      lm_->ProjectCondition(index / chunks, some.data(), count, first, cache);
    });
  });
}

absl::StatusOr<std::unique_ptr<Window>> CpuMusicModel::OpenWindow(const VideoCondition& condition,
                                                                  int first_frame, int frame_count,
                                                                  int steps,
                                                                  const CancelFlag& cancel) {
  ASSIGN_OR_RETURN(std::vector<std::unique_ptr<Window>> windows,
                   OpenWindows(condition, first_frame, frame_count, steps, 1, cancel));
  return std::move(windows.front());
}

absl::StatusOr<std::vector<std::unique_ptr<Window>>> CpuMusicModel::OpenWindows(
    const VideoCondition& condition, int first_frame, int frame_count, int steps, int count,
    const CancelFlag& cancel) try {
  const auto& own = static_cast<const HostCondition&>(condition);
  RETURN_IF_ERROR(CheckWindow(first_frame, frame_count, own.local_frames(), own.local_frames(),
                              steps, lm_->max_positions()));
  const float* rows = own.rows(first_frame);
  const cpu::DistinctFrames distinct = FramesToHold(
      rows, frame_count, size_t{kTokensPerFrame} * lm_->config().dim, lm_->cross_format());
  const auto held = static_cast<int>(distinct.frames.size());
  const int tokens = held * kTokensPerFrame;
  std::shared_ptr<cpu::KvCache> cross = lm_->NewCrossCache(tokens);
  if (held < frame_count) {
    std::vector<float> counts;
    for (const int count : distinct.counts) {
      counts.insert(counts.end(), kTokensPerFrame, static_cast<float>(count));
    }
    cross->set_counts(std::move(counts));
  }
  std::vector<std::unique_ptr<Window>> windows;
  windows.reserve(count);
  for (int i = 0; i < count; ++i) {
    windows.push_back(std::make_unique<CpuWindow>(*lm_, cross, tokens, steps));
  }
  RETURN_IF_ERROR(Project(rows, distinct, cancel, cross.get()));
  return windows;
} catch (const std::bad_alloc&) {
  return absl::ResourceExhaustedError(absl::StrCat(
      "out of memory for ", WindowsBytes(frame_count, steps, count), " bytes of windows"));
}

// Applies guidance and draws the tokens, once the logits are computed.
absl::Status CpuMusicModel::Finish(StepRequest& request, size_t index, Sampler& sampler) {
  if (request.sampling == nullptr && request.logits == nullptr) return absl::OkStatus();
  const size_t size = size_t{1} * info_.codebooks * info_.card;
  float* cond = logits_.data() + index * 2 * size;
  const float coef = request.sampling ? request.sampling->cfg_coef : info_.default_cfg_coef;
  GuideLogits({cond, size}, {cond + size, size}, coef, cond);
  if (request.logits != nullptr) std::copy_n(cond, size, request.logits);
  if (request.sampling == nullptr) return absl::OkStatus();
  return sampler.DrawStep({cond, size}, info_.codebooks, *request.sampling, request.frame,
                          request.next_tokens);
}

absl::Status CpuMusicModel::Step(absl::Span<StepRequest> requests) try {
  const size_t size = size_t{1} * info_.codebooks * info_.card;
  logits_.resize(std::max(logits_.size(), requests.size() * 2 * size));
  sequences_.clear();
  for (size_t i = 0; i < requests.size(); ++i) {
    const StepRequest& request = requests[i];
    auto& window = static_cast<CpuWindow&>(*request.window);
    RETURN_IF_ERROR(CheckStep(request.tokens, info_.codebooks, info_.card,
                              window.capacity() - window.length()));
    cpu::SequenceInput input;
    input.tokens = request.tokens.data();
    input.count = static_cast<int>(request.tokens.size()) / info_.codebooks;
    input.position = window.length();
    input.self = window.cond();
    input.cross = window.cross();
    input.cross_length = window.condition_tokens();
    const bool wanted = request.sampling != nullptr || request.logits != nullptr;
    if (wanted) input.logits = logits_.data() + i * 2 * size;
    sequences_.push_back(input);
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    cpu::SequenceInput input = sequences_[i];
    input.self = static_cast<CpuWindow&>(*requests[i].window).null();
    input.cross = null_cross_.get();
    input.cross_length = kTokensPerFrame;
    if (input.logits != nullptr) input.logits += size;
    sequences_.push_back(input);
  }
  lm_->Step(sequences_, team_);

  statuses_.assign(requests.size(), absl::OkStatus());
  team_.Run([&](int member) {
    const auto [begin, end] =
        cpu::ThreadTeam::Share(static_cast<int>(requests.size()), member, team_.size());
    for (int i = begin; i < end; ++i) statuses_[i] = Finish(requests[i], i, samplers_[member]);
  });
  for (const absl::Status& status : statuses_) RETURN_IF_ERROR(status);
  for (StepRequest& request : requests) {
    static_cast<CpuWindow&>(*request.window)
        .Advance(static_cast<int>(request.tokens.size()) / info_.codebooks);
  }
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return absl::ResourceExhaustedError("out of memory in a decoding step");
} catch (const std::exception& error) {
  return absl::InternalError(absl::StrCat("a decoding step failed: ", error.what()));
}

absl::StatusOr<std::unique_ptr<AudioDecoder>> CpuMusicModel::NewAudioDecoder() {
  return std::make_unique<cpu::CodecStream>(codec_);
}

absl::StatusOr<std::vector<int32_t>> CpuMusicModel::EncodeAudio(absl::Span<const float> samples,
                                                                const CancelFlag& cancel) {
  if (codec_encoder_ == nullptr) return MusicModel::EncodeAudio(samples, cancel);
  return codec_encoder_->Encode(samples, cancel);
}

}  // namespace vidmuse
