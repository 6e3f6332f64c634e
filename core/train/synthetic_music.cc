#include "core/train/synthetic_music.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <cstdint>
#include <numbers>

#include "absl/types/span.h"
#include "core/train/random.h"

namespace vidmuse::train {
namespace {

constexpr double kMinorThird = 6.0 / 5;
constexpr double kMajorThird = 5.0 / 4;
constexpr double kFifth = 3.0 / 2;

struct Chord {
  double root;  // relative to the tonic
  bool minor;
};

// [mode][progression][chord]
constexpr Chord kProgressionTable[2][kProgressions][4] = {
    {{{1, false}, {3.0 / 4, false}, {5.0 / 6, true}, {4.0 / 3, false}},
     {{1, false}, {5.0 / 6, true}, {4.0 / 3, false}, {3.0 / 4, false}}},
    {{{1, true}, {4.0 / 5, false}, {6.0 / 5, false}, {9.0 / 10, false}},
     {{1, true}, {4.0 / 3, true}, {9.0 / 10, false}, {4.0 / 5, false}}}};

// Arpeggios, as indices of a chord's notes (3 is the octave). Each chord draws one of them.
constexpr int kArpeggios = 3;
constexpr int kArpeggioTable[kArpeggios][4] = {{0, 1, 2, 3}, {3, 2, 1, 2}, {0, 2, 3, 1}};

// Number of notes per chord, by tempo.
constexpr int kChordNotes[kTempos] = {4, 4, 8, 8};

struct Voice {
  absl::Span<const double> harmonics;
  double attack;  // seconds
  double decay;   // seconds to 1/e
};

constexpr double kFlute[] = {1, 0.15, 0.05};
constexpr double kReed[] = {0.8, 0, 0.45, 0, 0.3, 0, 0.15};
constexpr double kString[] = {0.8, 0.55, 0.4, 0.25, 0.2, 0.12};
constexpr double kPadHarmonics[] = {1, 0.2};
constexpr double kBassHarmonics[] = {1, 0.4, 0.15};

constexpr Voice kTimbreTable[kTimbres] = {
    {kFlute, 0.02, 0.5}, {kReed, 0.01, 0.35}, {kString, 0.004, 0.18}};
constexpr Voice kPad = {kPadHarmonics, 0.04, 3.0};
constexpr Voice kBass = {kBassHarmonics, 0.008, 0.7};

// Adds a note that starts at token frame `begin`, lasts `frames` frames and fades out at its end.
void AddNote(const Voice& voice, double frequency, double gain, int begin, int frames,
             std::vector<float>* out) {
  constexpr double kRelease = 0.012;  // seconds
  const int64_t first = int64_t{begin} * kFrameSamples;
  const int64_t last =
      std::min<int64_t>(first + int64_t{frames} * kFrameSamples, static_cast<int64_t>(out->size()));
  const double length = static_cast<double>(frames) * kFrameSamples / kMusicRate;
  std::vector<double> tone(static_cast<size_t>(std::max<int64_t>(0, last - first)));
  for (size_t h = 0; h < voice.harmonics.size(); ++h) {
    // Each sample of the sine rotates a complex number by a constant angle.
    const std::complex<double> turn =
        std::polar(1.0, 2 * std::numbers::pi * frequency * static_cast<double>(h + 1) / kMusicRate);
    std::complex<double> phase = gain * voice.harmonics[h];
    for (double& sample : tone) {
      sample += phase.imag();
      phase *= turn;
    }
  }
  const double fade = std::exp(-1 / (voice.decay * kMusicRate));
  double decay = 1;
  for (size_t i = 0; i < tone.size(); ++i) {
    const double t = static_cast<double>(i) / kMusicRate;
    const double envelope = std::min({1.0, t / voice.attack, (length - t) / kRelease}) * decay;
    (*out)[first + static_cast<int64_t>(i)] += static_cast<float>(envelope * tone[i]);
    decay *= fade;
  }
}

std::array<double, 4> ChordNotes(const Chord& chord) {
  return {chord.root, chord.root * (chord.minor ? kMinorThird : kMajorThird), chord.root * kFifth,
          chord.root * 2};
}

}  // namespace

std::vector<float> SynthesizeMusic(const ClipSpec& spec, double seconds) {
  std::vector<float> samples(static_cast<size_t>(std::lround(seconds * kMusicRate)));
  const int frames = static_cast<int>(samples.size() / kFrameSamples) + 1;
  const double tonic = spec.high ? kTonic : kTonic / 2;
  const int chord_notes = kChordNotes[spec.tempo];
  const auto note_begin = [&](int note) {
    return static_cast<int>(std::lround(note * kNoteFrames[spec.tempo]));
  };
  const auto& chords = kProgressionTable[spec.minor ? 1 : 0][spec.progression];
  Random arpeggios(spec.seed, "arpeggios");
  for (int chord = 0; note_begin(chord * chord_notes) < frames; ++chord) {
    const int first = chord * chord_notes;
    const int begin = note_begin(first);
    const int chord_frames = note_begin(first + chord_notes) - begin;
    const std::array<double, 4> notes = ChordNotes(chords[chord % 4]);
    for (int i = 0; i < 3; ++i) {
      AddNote(kPad, tonic * notes[i], 0.05, begin, chord_frames, &samples);
    }
    AddNote(kBass, tonic / 2 * notes[0], 0.16, begin, chord_frames, &samples);
    const int* const order = kArpeggioTable[arpeggios.Index(kArpeggios)];
    for (int note = 0; note < chord_notes; ++note) {
      const double pitch = 2 * tonic * notes[order[note % 4]];
      const int at = note_begin(first + note);
      AddNote(kTimbreTable[spec.timbre], pitch, 0.2, at, note_begin(first + note + 1) - at,
              &samples);
    }
  }
  return samples;
}

}  // namespace vidmuse::train
