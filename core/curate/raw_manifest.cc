#include "core/curate/raw_manifest.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/status_macros.h"

namespace vidmuse::curate {
namespace {

constexpr size_t kMostBytesALine = 1 << 20;

bool IsId(absl::string_view text) {
  return !text.empty() && text.size() <= 100 && text[0] != '.' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' ||
                  c == '.';
         });
}

absl::StatusOr<RawClip> ParseClip(const std::string& line, const std::filesystem::path& folder) {
  try {
    Json object = Json::parse(line);
    if (!object.is_object()) return absl::InvalidArgumentError("it is not an object");
    RawClip clip;
    const std::filesystem::path video = object.at("video_path").get<std::string>();
    clip.video = (folder / video).string();
    clip.sound = object.contains("path") && !object["path"].is_null()
                     ? (folder / object["path"].get<std::string>()).string()
                     : clip.video;
    clip.id = object.contains("id") ? object["id"].get<std::string>() : video.stem().string();
    if (!IsId(clip.id)) {
      return absl::InvalidArgumentError(
          "an id is 1 to 100 letters, digits, '-', '_' and '.', with no '.' in front");
    }
    for (const char* key : {"id", "video_path", "path"}) object.erase(key);
    clip.source = std::move(object);
    return clip;
  } catch (const nlohmann::json::exception& error) {
    return absl::InvalidArgumentError(error.what());
  }
}

}  // namespace

absl::StatusOr<std::vector<RawClip>> ReadRawManifest(const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  const std::filesystem::path folder = std::filesystem::absolute(path).parent_path();
  std::vector<RawClip> clips;
  std::set<std::string> ids;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    absl::StatusOr<RawClip> clip = line.size() <= kMostBytesALine
                                       ? ParseClip(line, folder)
                                       : absl::InvalidArgumentError("it is longer than 1 MiB");
    if (clip.ok() && !ids.insert(clip->id).second) {
      clip = absl::InvalidArgumentError(absl::StrCat("the id ", clip->id, " is taken"));
    }
    if (!clip.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ", line ", number, ": ", clip.status().message()));
    }
    clips.push_back(*std::move(clip));
  }
  if (file.bad()) return absl::DataLossError(absl::StrCat(path, ": cannot be read to its end"));
  return clips;
}

}  // namespace vidmuse::curate
