#include "core/audio/loudness.h"

#include <ebur128.h>

#include <cmath>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/audio/loudness_meter.h"
#include "core/audio/peak_limiter.h"
#include "core/audio/reference_loudness.h"
#include "core/audio/streaming_loudness.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

constexpr int kMinSampleRate = 8000;
constexpr int kMaxSampleRate = 192000;
// A larger value is no audio; up to this one, no gain overflows.
constexpr float kMaxMagnitude = 1e6f;

class PassThrough : public LoudnessProcessor {
 public:
  explicit PassThrough(LoudnessMeter meter) : meter_(std::move(meter)) {}

  absl::Status Process(absl::Span<const float> samples, bool /*last*/,
                       std::vector<float>* out) override {
    out->insert(out->end(), samples.begin(), samples.end());
    return meter_.Add(samples);
  }
  double OutputLufs() const override { return meter_.Integrated(); }

 private:
  LoudnessMeter meter_;
};

// Checks the input, for every mode.
class CheckedLoudness : public LoudnessProcessor {
 public:
  explicit CheckedLoudness(std::unique_ptr<LoudnessProcessor> inner) : inner_(std::move(inner)) {}

  absl::Status Process(absl::Span<const float> samples, bool last,
                       std::vector<float>* out) override {
    if (ended_) return absl::FailedPreconditionError("audio after the song's last sample");
    for (size_t i = 0; i < samples.size(); ++i) {
      if (!(std::fabs(samples[i]) <= kMaxMagnitude)) {
        return absl::InternalError(absl::StrCat("sample ", position_ + static_cast<int64_t>(i),
                                                " of the audio is ", samples[i]));
      }
    }
    position_ += static_cast<int64_t>(samples.size());
    ended_ = last;
    return inner_->Process(samples, last, out);
  }
  double OutputLufs() const override { return inner_->OutputLufs(); }

 private:
  const std::unique_ptr<LoudnessProcessor> inner_;
  int64_t position_ = 0;
  bool ended_ = false;
};

absl::StatusOr<std::unique_ptr<LoudnessProcessor>> CreateMode(LoudnessMode mode, int sample_rate,
                                                              int64_t total_samples) {
  ASSIGN_OR_RETURN(LoudnessMeter output_meter, LoudnessMeter::Create(sample_rate, EBUR128_MODE_I));
  switch (mode) {
    case LoudnessMode::kNone:
      return std::make_unique<PassThrough>(std::move(output_meter));
    case LoudnessMode::kReference:
      return std::make_unique<ReferenceLoudness>(sample_rate, total_samples,
                                                 std::move(output_meter));
    case LoudnessMode::kStreaming: {
      // The histogram makes a measurement's cost independent of the song's length; its precision of
      // 0.1 LU is enough.
      ASSIGN_OR_RETURN(LoudnessMeter input_meter,
                       LoudnessMeter::Create(
                           sample_rate, EBUR128_MODE_I | EBUR128_MODE_S | EBUR128_MODE_HISTOGRAM));
      ASSIGN_OR_RETURN(LoudnessMeter peak_meter,
                       LoudnessMeter::Create(sample_rate, EBUR128_MODE_TRUE_PEAK));
      return std::make_unique<StreamingLoudness>(sample_rate, std::move(input_meter),
                                                 PeakLimiter(sample_rate, std::move(peak_meter)),
                                                 std::move(output_meter));
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no such loudness mode: ", static_cast<int>(mode)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<LoudnessProcessor>> LoudnessProcessor::Create(
    LoudnessMode mode, int sample_rate, int64_t total_samples) {
  if (sample_rate < kMinSampleRate || sample_rate > kMaxSampleRate) {
    return absl::InvalidArgumentError(absl::StrCat("sample rate ", sample_rate, " Hz is outside ",
                                                   kMinSampleRate, "..", kMaxSampleRate));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<LoudnessProcessor> inner,
                   CreateMode(mode, sample_rate, total_samples));
  return std::make_unique<CheckedLoudness>(std::move(inner));
}

}  // namespace vidmuse
