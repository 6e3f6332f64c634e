#include "core/curate/review.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "core/curate/review_page.h"

namespace vidmuse::curate {
namespace {

// A URL of the path, relative to the folder.
std::string RelativeUrl(const std::string& path, const std::string& folder) {
  std::error_code error;
  const std::string relative = std::filesystem::proximate(path, folder, error).generic_string();
  std::string url;
  for (const char c : error ? path : relative) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain =
        absl::ascii_isalnum(byte) || absl::string_view("/-_.~").find(c) != absl::string_view::npos;
    absl::StrAppend(
        &url, plain ? std::string(1, c) : absl::StrCat("%", absl::Hex(byte, absl::kZeroPad2)));
  }
  return url;
}

Json Scores(const CuratedClip& clip) {
  Json scores = Json::object();
  for (const char* field : {"title", "category", "licence"}) {
    const auto found = clip.clip.source.find(field);
    if (found != clip.clip.source.end() && found->is_string()) scores[field] = *found;
  }
  for (const auto& [stage, measured] : clip.measured) {
    for (const auto& [name, value] : measured.items()) {
      if (value.is_number()) scores[absl::StrCat(stage, ": ", name)] = value;
    }
  }
  return scores;
}

}  // namespace

std::string ReviewPage(const std::vector<CuratedClip>& clips, const std::string& folder) {
  Json list = Json::array();
  for (const CuratedClip& clip : clips) {
    if (!clip.decision.kept) continue;
    Json entry;
    entry["id"] = clip.clip.id;
    entry["video"] = RelativeUrl(clip.clip.video, folder);
    entry["scores"] = Scores(clip);
    list.push_back(std::move(entry));
  }
  // Text in the list must not end the script that holds it.
  const std::string json = absl::StrReplaceAll(
      list.dump(-1, ' ', false, Json::error_handler_t::replace), {{"<", "\\u003c"}});
  return absl::StrReplaceAll(kReviewPage, {{"@CLIPS@", json}});
}

}  // namespace vidmuse::curate
