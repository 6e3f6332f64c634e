// A whole evaluation: from folders to a report.
#ifndef VIDMUSE_EVALUATE_EVALUATE_H_
#define VIDMUSE_EVALUATE_EVALUATE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/cancel.h"
#include "core/evaluate/clip_facts.h"
#include "core/evaluate/evaluate_flags.h"
#include "core/evaluate/report.h"
#include "core/extractors/extractor.h"
#include "core/extractors/features.h"
#include "core/extractors/read_sound.h"

namespace vidmuse::evaluate {

// What an evaluation needs beside folders. Tests put others in. All must be thread-safe.
struct Sources {
  SoundSource read_sound;
  std::function<absl::StatusOr<std::unique_ptr<SoundExtractor>>(SoundNetwork network,
                                                                const std::string& folder)>
      open_sounds;
  std::function<absl::StatusOr<std::unique_ptr<PictureExtractor>>(PictureNetwork network,
                                                                  const std::string& folder)>
      open_pictures;
  std::function<absl::StatusOr<Rhythm>(const Sound& sound)> rhythm;
  std::function<absl::StatusOr<std::vector<double>>(const std::string& path)> cuts;
};

// Those of the program.
Sources RealSources();

// `folders` are one set of generated music, or the two that are compared. Shows progress on
// standard error if `progress` is set. INVALID_ARGUMENT and NOT_FOUND say which file, folder or
// flag is wrong. CANCELLED once the flag is set.
absl::StatusOr<Report> Evaluate(const std::vector<std::string>& folders, const EvaluateFlags& flags,
                                const Sources& sources, const CancelFlag& cancel, bool progress);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_EVALUATE_H_
