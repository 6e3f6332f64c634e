#include "core/evaluate/clip_set.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "core/base/status_macros.h"

namespace vidmuse::evaluate {
namespace {

constexpr std::array<absl::string_view, 10> kSoundEndings = {
    ".wav", ".flac", ".mp3", ".ogg", ".opus", ".oga", ".m4a", ".aac", ".aiff", ".aif"};
constexpr std::array<absl::string_view, 7> kVideoEndings = {".mp4", ".mov", ".mkv", ".webm",
                                                            ".avi", ".m4v", ".ts"};
constexpr size_t kMostNamed = 10;  // in one error

template <size_t n>
bool Contains(const std::array<absl::string_view, n>& endings, absl::string_view ending) {
  return std::find(endings.begin(), endings.end(), ending) != endings.end();
}

// Paths of the folder's files by the clips' names.
struct Listing {
  std::map<std::string, std::set<std::string>> sounds;
  std::map<std::string, std::set<std::string>> videos;
};

absl::StatusOr<Listing> List(const std::string& folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    return absl::NotFoundError(absl::StrCat(folder, ": there is no such folder"));
  }
  Listing listing;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    std::error_code unreadable;
    if (!entry->is_regular_file(unreadable)) continue;
    const std::filesystem::path& path = entry->path();
    const std::string ending = absl::AsciiStrToLower(path.extension().string());
    if (Contains(kSoundEndings, ending)) {
      listing.sounds[path.stem().string()].insert(path.string());
    } else if (Contains(kVideoEndings, ending)) {
      listing.videos[path.stem().string()].insert(path.string());
    }
  }
  if (error) {
    return absl::InvalidArgumentError(absl::StrCat(folder, ": can't be read: ", error.message()));
  }
  return listing;
}

absl::StatusOr<ClipFiles> OneFileEach(const std::string& folder,
                                      const std::map<std::string, std::set<std::string>>& paths,
                                      absl::string_view what) {
  ClipFiles files;
  for (const auto& [name, same] : paths) {
    if (same.size() > 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("clip ", name, " has several files: ", absl::StrJoin(same, ", ")));
    }
    files[name] = *same.begin();
  }
  if (files.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(folder, ": has no ", what, " files"));
  }
  return files;
}

std::string Named(const std::vector<std::string>& names) {
  const size_t count = std::min(names.size(), kMostNamed);
  std::string text = absl::StrJoin(names.begin(), names.begin() + static_cast<long>(count), ", ");
  if (names.size() > count) absl::StrAppend(&text, " and ", names.size() - count, " more");
  return text;
}

}  // namespace

absl::StatusOr<ClipFiles> ListSounds(const std::string& folder) {
  ASSIGN_OR_RETURN(Listing listing, List(folder));
  std::map<std::string, std::set<std::string>> paths = std::move(listing.sounds);
  paths.merge(listing.videos);  // which keeps a sound file that is there
  return OneFileEach(folder, paths, "sound or video");
}

absl::StatusOr<ClipFiles> ListVideos(const std::string& folder) {
  ASSIGN_OR_RETURN(const Listing listing, List(folder));
  return OneFileEach(folder, listing.videos, "video");
}

absl::StatusOr<Pairing> PairClips(const std::vector<NamedSet>& sets, Unpaired unpaired) {
  std::map<std::string, size_t> counts;
  for (const NamedSet& set : sets) {
    for (const auto& [name, path] : set.files) ++counts[name];
  }
  Pairing pairing;
  for (const auto& [name, count] : counts) {
    (count == sets.size() ? pairing.names : pairing.skipped).push_back(name);
  }
  if (unpaired == Unpaired::kRefuse && !pairing.skipped.empty()) {
    std::vector<std::string> problems;
    for (const NamedSet& set : sets) {
      std::vector<std::string> missing;
      for (const std::string& name : pairing.skipped) {
        if (!set.files.contains(name)) missing.push_back(name);
      }
      if (missing.empty()) continue;
      problems.push_back(absl::StrCat(set.folder, " lacks ", Named(missing)));
    }
    return absl::InvalidArgumentError(
        absl::StrCat("files are paired by name, but ", absl::StrJoin(problems, "; ")));
  }
  if (pairing.names.empty()) {
    std::vector<std::string> folders;
    folders.reserve(sets.size());
    for (const NamedSet& set : sets) folders.push_back(set.folder);
    return absl::InvalidArgumentError(
        absl::StrCat("no clip is in all of ", absl::StrJoin(folders, ", ")));
  }
  return pairing;
}

}  // namespace vidmuse::evaluate
