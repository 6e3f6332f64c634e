// The page on which people review clips.
#ifndef VIDMUSE_CURATE_REVIEW_H_
#define VIDMUSE_CURATE_REVIEW_H_

#include <string>
#include <vector>

#include "core/curate/results.h"

namespace vidmuse::curate {

// Returns an HTML page without outside resources, which plays the kept clips' videos from where
// they are, shows what was measured, takes "keep" and "drop" by keyboard, and saves decisions as
// ReadReviews reads them. `folder`: where the page will be, to which the videos' paths are
// relative.
std::string ReviewPage(const std::vector<CuratedClip>& clips, const std::string& folder);

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_REVIEW_H_
