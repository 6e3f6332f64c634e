// Which files a set of clips consists of, and which files of several sets belong together.
#ifndef VIDMUSE_EVALUATE_CLIP_SET_H_
#define VIDMUSE_EVALUATE_CLIP_SET_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace vidmuse::evaluate {

// Path of a clip's file by the clip's name, which is the file's name without its extension.
using ClipFiles = std::map<std::string, std::string>;

// Lists the files of `folder`, but not of folders in it, that have sound by their extension. If a
// clip has both a sound file and a video file, the sound file counts: the published benchmark has
// ID.wav beside ID.mp4. NOT_FOUND: there is no such folder. INVALID_ARGUMENT: it has no clips, or
// one name has two sound files, or two video files and no sound file.
absl::StatusOr<ClipFiles> ListSounds(const std::string& folder);

// The same for video files. A clip must not have two of them.
absl::StatusOr<ClipFiles> ListVideos(const std::string& folder);

// What becomes of clips that only one of two sets has.
enum class Unpaired {
  kRefuse,  // they are an error
  kSkip,    // they are left out
};

struct NamedSet {
  std::string folder;
  ClipFiles files;
};

// The clips that every set has, in order of their names, and those that were left out.
struct Pairing {
  std::vector<std::string> names;
  std::vector<std::string> skipped;
};

// INVALID_ARGUMENT names the clips that a set lacks and the set, unless they may be skipped, or
// says that no clip is in all sets.
absl::StatusOr<Pairing> PairClips(const std::vector<NamedSet>& sets, Unpaired unpaired);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_CLIP_SET_H_
