#include "core/curate/static_stage.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "core/curate/black_borders.h"
#include "core/curate/structural_similarity.h"

namespace vidmuse::curate {
namespace {

constexpr int kShortSide = 180;
constexpr int kLeastSide = 11;  // of StructuralSimilarity's window
constexpr size_t kWindow = 10;
constexpr double kMostFrozen = 0.001 * 255;
constexpr int64_t kMicroseconds = 1'000'000;

double Mean(const double* values, size_t count) {
  return std::accumulate(values, values + count, 0.0) / static_cast<double>(count);
}

// What is known of the pictures so far.
class Movement {
 public:
  absl::Status Add(Picture picture) {
    if (std::min(picture.width, picture.height) < kLeastSide) {
      return absl::InvalidArgumentError("its pictures are smaller than 11 pixels");
    }
    ++pictures_;
    black_ += IsBlack(picture);
    if (pictures_ > 1 && picture.pixels.size() == last_.pixels.size()) {
      similarities_.push_back(StructuralSimilarity(last_, picture));
      frozen_ += MeanDifference(last_, picture) < kMostFrozen;
    }
    last_ = std::move(picture);
    return absl::OkStatus();
  }

  Json Measured() const {
    const size_t pairs = similarities_.size();
    double most = pairs == 0 ? 1 : -1;
    const size_t window = std::min(kWindow, pairs);
    for (size_t i = 0; window > 0 && i + window <= pairs; ++i) {
      most = std::max(most, Mean(&similarities_[i], window));
    }
    Json measured;
    measured["pictures"] = pictures_;
    measured["similarity"] = pairs == 0 ? 1 : Mean(similarities_.data(), pairs);
    measured["most_similar_window"] = most;
    measured["freeze_share"] =
        pairs == 0 ? 1 : static_cast<double>(frozen_) / static_cast<double>(pairs);
    measured["black_share"] = static_cast<double>(black_) / static_cast<double>(pictures_);
    return measured;
  }

 private:
  Picture last_;
  std::vector<double> similarities_;
  int64_t pictures_ = 0, black_ = 0, frozen_ = 0;
};

class StaticStage final : public Stage {
 public:
  explicit StaticStage(PictureSource pictures) : pictures_(std::move(pictures)) {}

  std::string name() const override { return "static"; }
  std::string settings() const override { return "1"; }

  absl::StatusOr<Json> Measure(const RawClip& clip, const Measurements& earlier) const override {
    ASSIGN_OR_RETURN(const double seconds, SecondsOf(clip, earlier));
    PictureOrder order;
    order.by = PicturesBy::kTime;
    order.short_side = kShortSide;
    order.grey = true;
    for (int64_t second = 0; second < std::max(1.0, std::floor(seconds)); ++second) {
      order.at.push_back(second * kMicroseconds);
    }
    Movement movement;
    RETURN_IF_ERROR(pictures_(clip.video, order, [&](Picture picture) {
                      return movement.Add(std::move(picture));
                    }).status());
    return movement.Measured();
  }

 private:
  absl::StatusOr<double> SecondsOf(const RawClip& clip, const Measurements& earlier) const {
    const auto probe = earlier.find("probe");
    if (probe != earlier.end()) return probe->second.value("seconds", 0.0);
    ASSIGN_OR_RETURN(const PictureInfo info,
                     pictures_(clip.video, {}, [](const Picture&) { return absl::OkStatus(); }));
    return info.seconds;
  }

  const PictureSource pictures_;
};

}  // namespace

std::unique_ptr<Stage> NewStaticStage(PictureSource pictures) {
  return std::make_unique<StaticStage>(std::move(pictures));
}

}  // namespace vidmuse::curate
