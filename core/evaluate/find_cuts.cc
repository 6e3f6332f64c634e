#include "core/evaluate/find_cuts.h"

#include <cstdint>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/evaluate/cuts.h"
#include "core/extractors/read_pictures.h"
#include "core/video/picture_order.h"

namespace vidmuse::evaluate {

absl::StatusOr<std::vector<double>> FindCuts(const std::string& path) {
  PictureOrder order;
  order.short_side = kCutPictureSide;
  ASSIGN_OR_RETURN(const PictureInfo info,
                   ReadPictures(path, order, [](const Picture&) { return absl::OkStatus(); }));
  if (info.frames > static_cast<int64_t>(kMostPictures)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", info.frames, " pictures, at most ", kMostPictures));
  }
  order.at.resize(static_cast<size_t>(info.frames));
  std::iota(order.at.begin(), order.at.end(), 0);
  CutDetector detector;
  RETURN_IF_ERROR(ReadPictures(path, order, [&](const Picture& picture) {
                    return detector.Add(picture.pixels);
                  }).status());
  std::vector<double> times;
  for (const int64_t cut : detector.cuts()) {
    times.push_back(static_cast<double>(cut) / info.frame_rate);
  }
  return times;
}

}  // namespace vidmuse::evaluate
