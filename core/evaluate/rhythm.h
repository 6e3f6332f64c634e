// Onsets, beats and tempo of music, as librosa 0.11 computes them with its defaults: spectra of
// 2048 samples every 512, 128 mel bands.
//
// Sounds are mono, at kRhythmRate; times are in seconds from the first sample.
#ifndef VIDMUSE_EVALUATE_RHYTHM_H_
#define VIDMUSE_EVALUATE_RHYTHM_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/extractors/features.h"

namespace vidmuse::evaluate {

inline constexpr int kRhythmRate = 22050;  // Hz
inline constexpr int kRhythmHop = 512;     // samples between two values of onset strength

// The mean of the channels at kRhythmRate. The filter is core/audio's, not librosa's (soxr), so
// onsets of another rate can differ by a frame from those that librosa finds in the same file.
// INVALID_ARGUMENT: the sound has no samples, or its rate is below 1 Hz.
absl::StatusOr<std::vector<float>> MonoForRhythm(const Sound& sound);

// How the growth of 128 bands becomes one number.
enum class BandAverage {
  kMean,    // for onsets
  kMedian,  // for beats and tempo
};

// Onset strength [1 + samples / 512]: the bands' average growth in dB since the frame before
// (librosa.onset.onset_strength). INVALID_ARGUMENT: there are fewer than 2048 samples, or one isn't
// finite. See RunTorch for other errors.
absl::StatusOr<std::vector<double>> OnsetStrength(absl::Span<const float> samples,
                                                  BandAverage average);

// Which peaks of the strength, scaled to [0, 1], are onsets (librosa.util.peak_pick): frame n, if
// it is the highest of [n - pre_max, n + post_max) and at least `delta` above the mean of [n -
// pre_avg, n + post_avg), and `wait` frames lie between it and the onset before.
struct PeakRule {
  int pre_max = 1;
  int post_max = 1;
  int pre_avg = 4;
  int post_avg = 5;
  int wait = 1;
  double delta = 0.07;
};
inline constexpr PeakRule kLibrosaPeaks;  // librosa.onset.onset_detect's defaults at this rate
inline constexpr PeakRule kLorisPeaks{
    .pre_max = 3, .post_max = 3, .pre_avg = 3, .post_avg = 3, .wait = 1, .delta = 0.2};
inline constexpr PeakRule kD2mGanPeaks{
    .pre_max = 1, .post_max = 1, .pre_avg = 1, .post_avg = 1, .wait = 1, .delta = 0.2};

// Times of the onsets. There are none in a strength that never changes.
std::vector<double> PickOnsets(absl::Span<const double> strength, const PeakRule& rule);

// Times of the onsets of a sound. Errors are those of OnsetStrength.
absl::StatusOr<std::vector<double>> DetectOnsets(absl::Span<const float> samples,
                                                 const PeakRule& rule);

struct Beats {
  double tempo = 0;           // beats a minute, at most 320; 0 if there are no onsets
  std::vector<double> times;  // of the beats
};

// Tempo and beats of an onset strength by BandAverage::kMedian: the tempo is the lag of the
// strongest autocorrelation over windows of 8 s, weighted towards 120 (librosa.feature.tempo);
// beats are the path by dynamic programming that has onsets at about that distance
// (librosa.beat.beat_track; Ellis, "Beat Tracking by Dynamic Programming", 2007). See RunTorch for
// errors.
absl::StatusOr<Beats> TrackBeats(absl::Span<const double> strength);

// Tempo and beats of a sound. Errors are those of OnsetStrength.
absl::StatusOr<Beats> DetectBeats(absl::Span<const float> samples);

// How two tempos agree. Trackers take half or twice a tempo for it as people do.
enum class TempoAgreement { kNone, kOctave, kSame };

// kSame: `tempo` is within 10 % of `reference`. kOctave: half or twice of it is. kNone as well if
// either is 0.
TempoAgreement CompareTempos(double reference, double tempo);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_RHYTHM_H_
