#include "core/curate/reviews.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace vidmuse::curate {
namespace {

absl::Status AddLine(const std::string& line, Reviews* reviews) {
  try {
    const nlohmann::json object = nlohmann::json::parse(line);
    const auto decision = object.at("decision").get<std::string>();
    if (decision != "keep" && decision != "drop") {
      return absl::InvalidArgumentError("a decision is \"keep\" or \"drop\"");
    }
    (*reviews)[object.at("id").get<std::string>()][object.at("reviewer").get<std::string>()] =
        decision == "keep";
    return absl::OkStatus();
  } catch (const nlohmann::json::exception& error) {
    return absl::InvalidArgumentError(error.what());
  }
}

absl::Status AddFile(const std::string& path, Reviews* reviews) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    const absl::Status status = AddLine(line, reviews);
    if (!status.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ", line ", number, ": ", status.message()));
    }
  }
  return absl::OkStatus();
}

int64_t Keeping(const std::map<std::string, bool>& views) {
  return std::count_if(views.begin(), views.end(), [](const auto& view) { return view.second; });
}

}  // namespace

absl::StatusOr<Reviews> ReadReviews(const std::vector<std::string>& paths) {
  Reviews reviews;
  for (const std::string& path : paths) RETURN_IF_ERROR(AddFile(path, &reviews));
  return reviews;
}

bool IsKept(const Reviews& reviews, const std::string& id) {
  const auto found = reviews.find(id);
  return found != reviews.end() &&
         2 * Keeping(found->second) > static_cast<int64_t>(found->second.size());
}

Agreement AgreementOf(const Reviews& reviews) {
  Agreement agreement;
  std::set<std::string> names;
  double views = 0, keeping = 0, pairs = 0, different_pairs = 0, disagreement = 0;
  for (const auto& [id, clip_views] : reviews) {
    for (const auto& [name, keeps] : clip_views) names.insert(name);
    const auto n = static_cast<double>(clip_views.size());
    if (n < 2) continue;
    const auto keep = static_cast<double>(Keeping(clip_views));
    ++agreement.clips;
    views += n;
    keeping += keep;
    pairs += n * (n - 1) / 2;
    different_pairs += keep * (n - keep);
    // Each clip's coincidences weigh 1 / (views - 1), so that every view counts once.
    disagreement += 2 * keep * (n - keep) / (n - 1);
  }
  agreement.reviewers = static_cast<int64_t>(names.size());
  if (pairs > 0) agreement.same = 1 - different_pairs / pairs;
  const double expected = views > 1 ? 2 * keeping * (views - keeping) / (views - 1) : 0;
  if (expected > 0) agreement.alpha = 1 - disagreement / expected;
  return agreement;
}

}  // namespace vidmuse::curate
