// PANNs CNN14's features of sounds.
#ifndef VIDMUSE_EXTRACTORS_CNN14_H_
#define VIDMUSE_EXTRACTORS_CNN14_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/extractors/extractor.h"

namespace vidmuse {

enum class Cnn14Kind {
  k16kHz,
  k32kHz,
  kDecisionLevelMax,  // its file can't be told from k32kHz's
};

// The first two, as audioldm_eval computes them for the Frechet distance and the divergence of
// classes: one row for the whole sound of AudioldmSound, embeddings [1, 2048] after fc1's ReLU, and
// logits [1, 527] before the sigmoid. (audioldm_eval takes their softmax.)
//
// kDecisionLevelMax, as panns_inference detects events: the mean of all channels, resampled to 32
// kHz as librosa's kaiser_best, at least 0.31 s; logits [frames of 10 ms, 527] before the sigmoid,
// of which 32 in a row are the same, and no embeddings.
//
// The file is the published one, whose state dict is "model", or a state dict alone; the
// convolutions' widths are those of the tensors in it. Memory beyond the result doesn't grow with
// the sound but for its samples. Errors are those of OpenSoundExtractor.
absl::StatusOr<std::unique_ptr<SoundExtractor>> OpenCnn14(const std::string& path, Cnn14Kind kind);

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_CNN14_H_
