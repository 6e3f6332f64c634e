// Networks that turn a sound or a video into features, read from their published files.
#ifndef VIDMUSE_EXTRACTORS_EXTRACTOR_H_
#define VIDMUSE_EXTRACTORS_EXTRACTOR_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/extractors/features.h"

namespace vidmuse {

// Turns a sound into features. Thread-safe.
class SoundExtractor {
 public:
  virtual ~SoundExtractor() = default;

  virtual const ExtractorInfo& info() const = 0;

  // INVALID_ARGUMENT: the sound is too short for the network, or has samples that aren't finite.
  virtual absl::StatusOr<Features> Extract(const Sound& sound) const = 0;
};

// Turns a video file's pictures into features. Thread-safe.
class PictureExtractor {
 public:
  virtual ~PictureExtractor() = default;

  virtual const ExtractorInfo& info() const = 0;

  // INVALID_ARGUMENT: `path` isn't a video that can be read, or is too short.
  virtual absl::StatusOr<Features> Extract(const std::string& path) const = 0;
};

enum class SoundNetwork {
  kVggish,                 // torchvggish: [windows of 0.96 s, 128], before the last ReLU
  kCnn14At16kHz,           // PANNs: [1, 2048] and logits [1, 527]
  kCnn14At32kHz,           // PANNs: [1, 2048] and logits [1, 527]
  kCnn14DecisionLevelMax,  // PANNs: logits [frames of 10 ms, 527], no embeddings
  kClapMusic,              // LAION-CLAP: [1, 512]
  kImageBindSound,         // ImageBind: [1, 1024], the published three clips of 2 s
  kImageBindSoundDense,    // ImageBind: [windows of 2 s, 1024], over the whole sound
};

enum class PictureNetwork {
  kImageBindPictures,       // ImageBind: [1, 1024], the published five clips of 2 s
  kImageBindPicturesDense,  // ImageBind: [windows of 2 s, 1024], over the whole video
};

// Load a network from the published file in `folder`. NOT_FOUND names the file that is missing.
// INVALID_ARGUMENT: the file is truncated, damaged, or holds another network.
absl::StatusOr<std::unique_ptr<SoundExtractor>> OpenSoundExtractor(SoundNetwork network,
                                                                   const std::string& folder);
absl::StatusOr<std::unique_ptr<PictureExtractor>> OpenPictureExtractor(PictureNetwork network,
                                                                       const std::string& folder);

// Returns the published name of the network's file, for example "Cnn14_16k_mAP=0.438.pth".
std::string PublishedFile(SoundNetwork network);
std::string PublishedFile(PictureNetwork network);

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_EXTRACTOR_H_
