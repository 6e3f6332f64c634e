#include <algorithm>

#include "core/extractors/silero_vad.h"

namespace vidmuse {
namespace {

constexpr float kBegins = 0.5f;
constexpr float kEnds = 0.35f;

constexpr int64_t kNowhere = -1;

constexpr int64_t Milliseconds(int64_t count) { return SileroVad::kSampleRate * count / 1000; }
constexpr int64_t kLeastSpeech = Milliseconds(250);
constexpr int64_t kLeastSilence = Milliseconds(100);
constexpr int64_t kMargin = Milliseconds(30);

static_assert(kLeastSilence >= 2 * kMargin, "spans with their margins stay apart");

}  // namespace

std::vector<SpeechSpan> SpeechSpans(const std::vector<float>& probabilities, int64_t samples) {
  std::vector<SpeechSpan> spans;
  // Where the speech that goes on begins, and a pause in it.
  int64_t begin = kNowhere, silence = kNowhere;
  const auto finish = [&](int64_t end) {
    if (end - begin > kLeastSpeech) spans.push_back({begin, end});
    begin = silence = kNowhere;
  };
  for (size_t i = 0; i < probabilities.size(); ++i) {
    const int64_t at = SileroVad::kFrame * static_cast<int64_t>(i);
    if (probabilities[i] >= kBegins) {
      silence = kNowhere;
      if (begin == kNowhere) begin = at;
    } else if (probabilities[i] < kEnds && begin != kNowhere) {
      if (silence == kNowhere) silence = at;
      if (at - silence >= kLeastSilence) finish(silence);
    }
  }
  if (begin != kNowhere) finish(samples);
  for (SpeechSpan& span : spans) {
    span.begin = std::max<int64_t>(0, span.begin - kMargin);
    span.end = std::min(samples, span.end + kMargin);
  }
  return spans;
}

double SpeechFound::share() const {
  int64_t speech = 0;
  for (const SpeechSpan& span : spans) speech += span.end - span.begin;
  return samples == 0 ? 0 : static_cast<double>(speech) / static_cast<double>(samples);
}

}  // namespace vidmuse
