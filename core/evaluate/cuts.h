// Finds a video's cuts by how much its pictures differ.
#ifndef VIDMUSE_EVALUATE_CUTS_H_
#define VIDMUSE_EVALUATE_CUTS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace vidmuse::evaluate {

struct CutOptions {
  double threshold = 27;      // least score of a cut
  int64_t least_frames = 15;  // of a scene: nearer cuts are merged into one
};

// Cuts as PySceneDetect's ContentDetector finds them with its defaults. A picture's score is the
// mean over its pixels of the differences to the picture before in hue (0 to 179), saturation and
// value (0 to 255 each), divided by 3. Feed it pictures one by one. Holds one picture. Not
// thread-safe.
class CutDetector {
 public:
  // Takes a picture [height, width, 3] of 8-bit RGB. INVALID_ARGUMENT: it is empty, isn't whole
  // pixels, or has another size than those before.
  absl::Status Add(absl::Span<const uint8_t> rgb);

  // The score of each picture; the first's is 0.
  const std::vector<double>& scores() const { return scores_; }
  // Numbers of the pictures that begin a new scene, ascending.
  const std::vector<int64_t>& cuts() const { return cuts_; }

  explicit CutDetector(const CutOptions& options) : options_(options) {}
  CutDetector() : CutDetector(CutOptions()) {}

 private:
  void Merge(bool above);

  const CutOptions options_;
  std::vector<uint8_t> last_hsv_;  // the picture before
  std::vector<double> scores_;
  std::vector<int64_t> cuts_;
  int64_t last_above_ = 0;    // the last picture above the threshold, at first picture 0
  int64_t merge_start_ = -1;  // where a run of near cuts began, or -1
};

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_CUTS_H_
