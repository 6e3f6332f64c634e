// The files of a run: which folders are read, and which files of them.
#ifndef VIDMUSE_EVALUATE_CLIP_FOLDERS_H_
#define VIDMUSE_EVALUATE_CLIP_FOLDERS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/evaluate/clip_set.h"
#include "core/evaluate/evaluate_flags.h"

namespace vidmuse::evaluate {

// Paths are in the order of `names`, except those of a reference that isn't paired.
struct ClipFolders {
  std::vector<std::string> names;
  std::vector<std::string> skipped;
  std::vector<std::vector<std::string>> generated;  // of each set
  std::vector<std::string> reference;               // empty: there is none
  bool paired = false;                              // reference i belongs to clip i
  std::vector<std::string> videos;                  // empty: there are none
  std::string videos_folder;                        // where they were found
};

// Lists and pairs the files. Without --videos, those of the first set's folder count, or those of
// the reference's folder, if every clip has one there. Errors are those of ListSounds and
// PairClips.
absl::StatusOr<ClipFolders> FindClips(const std::vector<std::string>& folders,
                                      const EvaluateFlags& flags);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_CLIP_FOLDERS_H_
