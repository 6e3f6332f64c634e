// What a curation did, for people.
#ifndef VIDMUSE_CURATE_REPORT_H_
#define VIDMUSE_CURATE_REPORT_H_

#include <string>
#include <vector>

#include "core/curate/results.h"
#include "core/curate/reviews.h"

namespace vidmuse::curate {

// How many clips one stage, or one rule of it, dropped.
struct Drops {
  std::string stage;
  std::string rule;  // the reason without its numbers
  int64_t clips = 0;
};

// Counts the dropped clips' reasons, in the order of stages, most frequent rules first.
std::vector<Drops> CountDrops(const std::vector<CuratedClip>& clips);

// How many people reviewed, and how far they agree, as a sentence.
std::string AgreementText(const Reviews& reviews);

// Returns an HTML page without outside resources: the clips kept and dropped by each rule, the
// lists' sizes, the reviewers' agreement, and a histogram of every measured number, of all clips
// that got that far and of those that are kept.
std::string CurationReport(const std::vector<CuratedClip>& clips, const Split& split,
                           const Reviews& reviews);

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_REPORT_H_
