// One step of the curation: what is measured of a clip.
#ifndef VIDMUSE_CURATE_STAGE_H_
#define VIDMUSE_CURATE_STAGE_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "core/curate/raw_manifest.h"

namespace vidmuse::curate {

// The stages' names, in the order in which clips go through them.
inline constexpr const char* kStageOrder[] = {"probe",      "static",   "music",
                                              "duplicates", "separate", "align"};

// What earlier stages measured of the clip, by the stage's name.
using Measurements = std::map<std::string, Json>;

// Measures clips, one at a time, and decides nothing: the rules (rules.h) do. The same clip gives
// the same measurement. Thread-safe.
class Stage {
 public:
  virtual ~Stage() = default;

  // For example "probe".
  virtual std::string name() const = 0;

  // All that a measurement depends on besides the clip: a version, files of networks, options. A
  // measurement that was made with others is made anew.
  virtual std::string settings() const = 0;

  // Returns an object. INVALID_ARGUMENT: the clip's files are damaged or not what they should be;
  // that is recorded as a measurement too. Every other error, such as a file that isn't there, is
  // one of this machine, and the clip is measured again in the next run.
  virtual absl::StatusOr<Json> Measure(const RawClip& clip, const Measurements& earlier) const = 0;
};

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_STAGE_H_
