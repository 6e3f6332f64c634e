// What people decided about clips, and how far they agree.
#ifndef VIDMUSE_CURATE_REVIEWS_H_
#define VIDMUSE_CURATE_REVIEWS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace vidmuse::curate {

// Whether each reviewer keeps the clip, by the clip's id and the reviewer's name.
using Reviews = std::map<std::string, std::map<std::string, bool>>;

// Reads decisions in JSON Lines, as the review page saves them:
//
//   {"id": "dQw4w9WgXcQ", "reviewer": "Ada", "decision": "keep"}
//
// A later line of the same reviewer about the same clip replaces an earlier one. NOT_FOUND: a file
// can't be read. INVALID_ARGUMENT names the file and the line that isn't such an object.
absl::StatusOr<Reviews> ReadReviews(const std::vector<std::string>& paths);

// Whether more than half of the clip's reviewers keep it; nobody's view is no.
bool IsKept(const Reviews& reviews, const std::string& id);

struct Agreement {
  int64_t clips = 0;      // that at least two people reviewed
  int64_t reviewers = 0;  // of any clip
  double same = 0;        // the share of pairs of views of one clip that are the same
  // Krippendorff's alpha for two categories, 1 - D_o / D_e over the clips above ("Computing
  // Krippendorff's Alpha-Reliability", 2011, section C): 1 is full agreement, 0 is chance. None if
  // all views are the same, so that chance can't be told from agreement.
  std::optional<double> alpha;
};

Agreement AgreementOf(const Reviews& reviews);

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_REVIEWS_H_
