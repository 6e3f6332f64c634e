// Turns files into features: decoding in threads, the networks behind it, and the cache around it.
#ifndef VIDMUSE_EVALUATE_COLLECT_H_
#define VIDMUSE_EVALUATE_COLLECT_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/cancel.h"
#include "core/evaluate/clip_facts.h"
#include "core/evaluate/feature_cache.h"
#include "core/extractors/extractor.h"
#include "core/extractors/features.h"

namespace vidmuse::evaluate {

// What is known of one music file.
struct SoundFeatures {
  std::string path;
  SoundFacts facts;
  std::map<SoundNetwork, Features> features;
  Rhythm rhythm;  // empty unless asked for
};

// What is known of one video file.
struct VideoFeatures {
  std::string path;
  std::map<PictureNetwork, Features> features;
  std::vector<double> cuts;  // seconds; empty unless asked for
};

// What reads and measures files. Tests put others in.
struct Tools {
  std::function<absl::StatusOr<Sound>(const std::string& path)> read_sound;
  std::function<absl::StatusOr<Rhythm>(const Sound& sound)> rhythm;
  std::function<absl::StatusOr<std::vector<double>>(const std::string& path)> cuts;
  std::map<SoundNetwork, std::unique_ptr<SoundExtractor>> sounds;
  std::map<PictureNetwork, std::unique_ptr<PictureExtractor>> pictures;
  bool wants_rhythm = false;
  bool wants_cuts = false;
};

struct CollectOptions {
  int workers = 1;  // threads that decode
  bool progress = false;
};

// Computes the features of all files, in order. Files that can't be read or measured are all named
// in one INVALID_ARGUMENT. CANCELLED once the flag is set.
absl::StatusOr<std::vector<SoundFeatures>> CollectSounds(const std::vector<std::string>& paths,
                                                         const Tools& tools,
                                                         const FeatureCache& cache,
                                                         const CollectOptions& options,
                                                         const CancelFlag& cancel);
absl::StatusOr<std::vector<VideoFeatures>> CollectVideos(const std::vector<std::string>& paths,
                                                         const Tools& tools,
                                                         const FeatureCache& cache,
                                                         const CollectOptions& options,
                                                         const CancelFlag& cancel);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_COLLECT_H_
