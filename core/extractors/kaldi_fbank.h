// Kaldi's mel filter banks, as torchaudio computes them for ImageBind.
#ifndef VIDMUSE_EXTRACTORS_KALDI_FBANK_H_
#define VIDMUSE_EXTRACTORS_KALDI_FBANK_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/extractors/features.h"

namespace vidmuse {

inline constexpr int kFbankRate = 16000;  // Hz
inline constexpr int64_t kFbankFrame = 400;
inline constexpr int64_t kFbankStep = 160;
inline constexpr int64_t kFbankBins = 128;

// Returns the log energies [1 + (samples - kFbankFrame) / kFbankStep, kFbankBins] of mono samples
// at kFbankRate, as torchaudio.compliance.kaldi.fbank(htk_compat=True, use_energy=False,
// window_type="hanning", num_mel_bins=128, dither=0) does. Frames that the samples don't fill are
// left out, so there may be none. Errors are those of RunTorch. Thread-safe.
absl::StatusOr<FeatureMatrix> KaldiFbank(absl::Span<const float> samples);

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_KALDI_FBANK_H_
