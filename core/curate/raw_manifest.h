// Reads the list of raw videos that a training set is made of.
#ifndef VIDMUSE_CURATE_RAW_MANIFEST_H_
#define VIDMUSE_CURATE_RAW_MANIFEST_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace vidmuse::curate {

using Json = nlohmann::ordered_json;

struct RawClip {
  std::string id;     // unique; names the clip in every list and file
  std::string video;  // path
  std::string sound;  // path of the file with its sound; that of the video if it has none beside it
  // What the manifest says besides, such as category, licence and title. An object.
  Json source;
};

// Reads a manifest in JSON Lines, one object a line:
//
//   {"id": "dQw4w9WgXcQ", "video_path": "videos/dQw4w9WgXcQ.mp4", "path": "…wav", "category": "…"}
//
// `video_path` is needed, the rest is optional. Without `id` it is the video's file name up to the
// last dot. Without `path` the sound is the video's own. Paths are relative to the manifest's
// folder. Other fields are kept as they are; empty lines are skipped.
//
// NOT_FOUND: the manifest can't be read. INVALID_ARGUMENT names the line: it isn't such an object,
// or its id is taken, or isn't 1 to 100 letters, digits, '-', '_' and '.' with no '.' in front.
absl::StatusOr<std::vector<RawClip>> ReadRawManifest(const std::string& path);

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_RAW_MANIFEST_H_
