// Keeps what each stage measured of each clip, so that a run that was killed goes on where it was.
#ifndef VIDMUSE_CURATE_MEASUREMENT_STORE_H_
#define VIDMUSE_CURATE_MEASUREMENT_STORE_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/curate/raw_manifest.h"

namespace vidmuse::curate {

// One file for each clip and stage, FOLDER/STAGE/xx/ID.json, where xx spreads the clips over 256
// folders. A file is written under another name and then renamed, so it is there as a whole or not
// at all. Thread-safe; several processes and machines may use one folder for different clips.
class MeasurementStore {
 public:
  explicit MeasurementStore(std::string folder);

  // Returns what was measured with the same settings; nullopt if nothing was, or if the file is
  // damaged. `settings` says all that the measurement depends on besides the clip.
  std::optional<Json> Find(absl::string_view stage, absl::string_view settings,
                           absl::string_view id) const;

  // UNAVAILABLE: it can't be written, for example because the disk is full.
  absl::Status Save(absl::string_view stage, absl::string_view settings, absl::string_view id,
                    const Json& measured) const;

  // Returns FOLDER/STAGE/xx/ID with the given ending, for files that a stage makes of a clip.
  std::string FileOf(absl::string_view stage, absl::string_view id, absl::string_view ending) const;

 private:
  const std::string folder_;
};

// WriteWholeFile (core/base/whole_file.h), which makes the file's folder first.
absl::Status WriteWhole(const std::string& path, absl::string_view bytes);

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_MEASUREMENT_STORE_H_
