// Silero VAD: finds speech in a sound.
#ifndef VIDMUSE_EXTRACTORS_SILERO_VAD_H_
#define VIDMUSE_EXTRACTORS_SILERO_VAD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/extractors/features.h"

namespace vidmuse {

// A stretch of speech, in samples at SileroVad::kSampleRate: [begin, end).
struct SpeechSpan {
  int64_t begin = 0;
  int64_t end = 0;

  bool operator==(const SpeechSpan&) const = default;
};

struct SpeechFound {
  int64_t samples = 0;               // of the sound at SileroVad::kSampleRate
  std::vector<float> probabilities;  // [ceil(samples / SileroVad::kFrame)], each in [0, 1]
  std::vector<SpeechSpan> spans;     // SpeechSpans(probabilities, samples)

  // The share of the sound that the spans cover.
  double share() const;
};

// Reads the weights that PyPI's silero-vad 6 ships. The network is for 16 kHz. Thread-safe; a call
// computes on the caller's thread alone.
class SileroVad {
 public:
  static constexpr char kFile[] = "silero_vad_16k.safetensors";
  static constexpr int kSampleRate = 16'000;  // Hz
  static constexpr int64_t kFrame = 512;      // samples that have one probability: 32 ms

  // NOT_FOUND: `folder` has no kFile. INVALID_ARGUMENT: it is damaged, or another network.
  static absl::StatusOr<std::unique_ptr<SileroVad>> Open(const std::string& folder);
  ~SileroVad();

  const ExtractorInfo& info() const { return info_; }

  // The mean of the channels is resampled as torchaudio does it. Equal to silero-vad's
  // audio_forward; the last frame is filled up with zeros. INVALID_ARGUMENT: the sound has no
  // samples, or some that aren't finite.
  absl::StatusOr<SpeechFound> Find(const Sound& sound) const;

 private:
  struct Tensors;
  SileroVad(ExtractorInfo info, std::unique_ptr<const Tensors> tensors);

  const ExtractorInfo info_;
  const std::unique_ptr<const Tensors> tensors_;
};

// Turns probabilities of frames into stretches of speech, as silero-vad's get_speech_timestamps
// with its defaults: speech begins at 0.5 and ends when it has been below 0.35 for 100 ms; what is
// not longer than 250 ms is dropped, and the rest grows by 30 ms on either side. In order, and
// apart.
std::vector<SpeechSpan> SpeechSpans(const std::vector<float>& probabilities, int64_t samples);

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_SILERO_VAD_H_
