#include "core/audio/loudness_meter.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace vidmuse {

absl::StatusOr<LoudnessMeter> LoudnessMeter::Create(int sample_rate, int mode) {
  ebur128_state* state = ebur128_init(1, static_cast<unsigned long>(sample_rate), mode);
  if (state == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for a loudness meter at ", sample_rate, " Hz"));
  }
  return LoudnessMeter(state);
}

absl::Status LoudnessMeter::Add(absl::Span<const float> samples) {
  if (samples.empty()) return absl::OkStatus();
  if (ebur128_add_frames_float(state_.get(), samples.data(), samples.size()) != EBUR128_SUCCESS) {
    return absl::ResourceExhaustedError("no memory for the loudness meter's history");
  }
  return absl::OkStatus();
}

double LoudnessMeter::Integrated() const {
  double lufs = -HUGE_VAL;
  ebur128_loudness_global(state_.get(), &lufs);
  return lufs;
}

double LoudnessMeter::ShortTerm() const {
  double lufs = -HUGE_VAL;
  ebur128_loudness_shortterm(state_.get(), &lufs);
  return lufs;
}

double LoudnessMeter::LastTruePeak() const {
  double peak = 0;
  ebur128_prev_true_peak(state_.get(), 0, &peak);
  return peak;
}

}  // namespace vidmuse
