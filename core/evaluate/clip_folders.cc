#include "core/evaluate/clip_folders.h"

#include <algorithm>
#include <utility>

#include "core/base/status_macros.h"

namespace vidmuse::evaluate {
namespace {

std::vector<std::string> PathsOf(const ClipFiles& files, const std::vector<std::string>& names) {
  std::vector<std::string> paths;
  paths.reserve(names.size());
  for (const std::string& name : names) paths.push_back(files.at(name));
  return paths;
}

// Looks for a video of every clip in `folder`.
bool TakeVideos(const std::string& folder, ClipFolders* clips) {
  const absl::StatusOr<ClipFiles> videos = ListVideos(folder);
  if (!videos.ok()) return false;
  const bool all = std::all_of(clips->names.begin(), clips->names.end(),
                               [&](const std::string& name) { return videos->contains(name); });
  if (!all) return false;
  clips->videos = PathsOf(*videos, clips->names);
  clips->videos_folder = folder;
  return true;
}

}  // namespace

absl::StatusOr<ClipFolders> FindClips(const std::vector<std::string>& folders,
                                      const EvaluateFlags& flags) {
  std::vector<NamedSet> paired;
  for (const std::string& folder : folders) {
    ASSIGN_OR_RETURN(ClipFiles files, ListSounds(folder));
    paired.push_back({folder, std::move(files)});
  }
  ClipFolders clips;
  ClipFiles reference;
  if (!flags.reference.empty()) {
    ASSIGN_OR_RETURN(reference, ListSounds(flags.reference));
    clips.paired = flags.unpaired != "collection";
    if (clips.paired) paired.push_back({flags.reference, reference});
  }
  ClipFiles videos;
  if (!flags.videos.empty()) {
    ASSIGN_OR_RETURN(videos, ListVideos(flags.videos));
    paired.push_back({flags.videos, videos});
  }
  ASSIGN_OR_RETURN(
      Pairing pairing,
      PairClips(paired, flags.unpaired == "skip" ? Unpaired::kSkip : Unpaired::kRefuse));
  clips.names = std::move(pairing.names);
  clips.skipped = std::move(pairing.skipped);
  for (size_t set = 0; set < folders.size(); ++set) {
    clips.generated.push_back(PathsOf(paired[set].files, clips.names));
  }
  if (clips.paired) {
    clips.reference = PathsOf(reference, clips.names);
  } else {
    for (const auto& [name, path] : reference) clips.reference.push_back(path);
  }
  if (!flags.videos.empty()) {
    clips.videos = PathsOf(videos, clips.names);
    clips.videos_folder = flags.videos;
  } else if (!TakeVideos(folders[0], &clips) && clips.paired) {
    TakeVideos(flags.reference, &clips);
  }
  return clips;
}

}  // namespace vidmuse::evaluate
