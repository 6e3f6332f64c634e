#include "core/curate/review.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/curate/review_page.h"
#include "core/evaluate/html_parts.h"

namespace vidmuse::curate {
namespace {

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
    entry["video"] = evaluate::Link(clip.clip.video, folder + "/review.html");
    entry["scores"] = Scores(clip);
    list.push_back(std::move(entry));
  }
  // Text in the list must not end the script that holds it.
  const std::string json = absl::StrReplaceAll(
      list.dump(-1, ' ', false, Json::error_handler_t::replace), {{"<", "\\u003c"}});
  return absl::StrReplaceAll(kReviewPage, {{"@CLIPS@", json}});
}

}  // namespace vidmuse::curate
