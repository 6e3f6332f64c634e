// Finds the cuts of a video file.
#ifndef VIDMUSE_EVALUATE_FIND_CUTS_H_
#define VIDMUSE_EVALUATE_FIND_CUTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace vidmuse::evaluate {

// Pixels of the shorter side of the pictures that CutDetector sees.
inline constexpr int kCutPictureSide = 144;

// Returns the times, in seconds from the first picture, of the pictures that begin a new scene, by
// CutDetector over all pictures of the video. Times are by the average rate of the pictures.
// Errors are those of ReadPictures. Thread-safe.
absl::StatusOr<std::vector<double>> FindCuts(const std::string& path);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_FIND_CUTS_H_
