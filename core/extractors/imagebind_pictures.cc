#include "core/extractors/imagebind_pictures.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/base/status_macros.h"
#include "core/extractors/imagebind_clips.h"
#include "core/extractors/imagebind_file.h"
#include "core/extractors/imagebind_tower.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse {
namespace {

using at::Tensor;

constexpr int64_t kCrops = 3;
constexpr int64_t kFramesOfView = 2;
// Windows whose views are held at once, 3.6 MB each. The video is decoded anew for the next ones.
constexpr size_t kMostAtOnce = 64;

// Scaled so that the shorter side has kImageBindSide pixels, longer ones would take much memory.
constexpr int kMostRatio = 32;

bool IsTooNarrow(const Picture& picture) {
  return std::max(picture.width, picture.height) >
         kMostRatio * std::min(picture.width, picture.height);
}

Tensor ByColor(const std::vector<float>& values) { return at::tensor(values).view({3, 1, 1}); }

// Returns where a crop begins: at the start, in the middle or at the end of the longer side.
int64_t CropBegin(int64_t size, bool longer, int64_t crop) {
  if (longer && crop == 0) return 0;
  if (longer && crop == kCrops - 1) return size - kImageBindSide;
  return (size - kImageBindSide + 1) / 2;
}

// Returns [crops, 3, kImageBindSide, kImageBindSide], normalised. The crops of a square picture are
// all the same, so there is only one, whose vector is the mean of theirs.
Tensor CropsOf(const Picture& picture) {
  const int64_t shorter = std::min(picture.width, picture.height);
  const auto scaled = [&](int64_t side) {
    const double ratio = static_cast<double>(side) / static_cast<double>(shorter);
    return static_cast<int64_t>(std::floor(ratio * kImageBindSide));
  };
  const int64_t width = scaled(picture.width), height = scaled(picture.height);
  const Tensor pixels =
      at::from_blob(const_cast<uint8_t*>(picture.pixels.data()), {picture.height, picture.width, 3},
                    at::kByte)
          .permute({2, 0, 1})
          .to(at::kFloat, /*non_blocking=*/false, /*copy=*/false, at::MemoryFormat::Contiguous)
          .div_(255.0);
  const Tensor small =
      at::upsample_bilinear2d(pixels.unsqueeze(0), {height, width}, /*align_corners=*/false)[0];
  const Tensor normal = (small - ByColor({0.48145466f, 0.4578275f, 0.40821073f})) /
                        ByColor({0.26862954f, 0.26130258f, 0.27577711f});
  std::vector<Tensor> crops;
  const int64_t count = height == width ? 1 : kCrops;
  crops.reserve(count);
  for (int64_t crop = 0; crop < count; ++crop) {
    crops.push_back(normal.narrow(1, CropBegin(height, height > width, crop), kImageBindSide)
                        .narrow(2, CropBegin(width, height <= width, crop), kImageBindSide));
  }
  return at::stack(crops);
}

class ImageBindPictures final : public PictureExtractor {
 public:
  ImageBindPictures(ExtractorInfo info, ImageBindParts parts,
                    std::shared_ptr<const ImageBindFile> file, PictureSource source)
      : info_(std::move(info)), parts_(parts), file_(std::move(file)), source_(std::move(source)) {}

  const ExtractorInfo& info() const override { return info_; }

  absl::StatusOr<Features> Extract(const std::string& path) const override {
    const auto take_nothing = [](const Picture&) { return absl::OkStatus(); };
    ASSIGN_OR_RETURN(const PictureInfo video, source_(path, {}, take_nothing));
    const std::vector<Stretch> stretches =
        parts_ == ImageBindParts::kDense
            ? PictureWindows(video.frames, video.frame_rate)
            : PictureClips(video.frames, video.frame_rate, kPictureClips);
    Features features;
    features.embeddings.columns = file_->tower->columns();
    for (size_t i = 0; i < stretches.size(); i += kMostAtOnce) {
      const auto some = absl::MakeConstSpan(stretches).subspan(i, kMostAtOnce);
      ASSIGN_OR_RETURN(const std::vector<Tensor> views, ReadViews(path, some));
      RETURN_IF_ERROR(Embed(views, features.embeddings));
    }
    return features;
  }

 private:
  // Returns [crops, 3, kFramesOfView, kImageBindSide, kImageBindSide] of each stretch.
  absl::StatusOr<std::vector<Tensor>> ReadViews(const std::string& path,
                                                absl::Span<const Stretch> stretches) const {
    struct Use {
      int64_t frame = 0;
      size_t stretch = 0;
      int64_t place = 0;
    };
    std::vector<Use> uses;
    for (size_t i = 0; i < stretches.size(); ++i) {
      uses.push_back({stretches[i].begin, i, 0});
      uses.push_back({stretches[i].end - 1, i, 1});
    }
    std::sort(uses.begin(), uses.end(),
              [](const Use& a, const Use& b) { return a.frame < b.frame; });
    PictureOrder order;
    for (const Use& use : uses) order.at.push_back(use.frame);
    std::vector<Tensor> views(stretches.size());
    const auto take = [&](const Picture& picture) {
      if (IsTooNarrow(picture)) {
        return absl::InvalidArgumentError(absl::StrCat(path, ": pictures of ", picture.width, "x",
                                                       picture.height, " pixels have a side over ",
                                                       kMostRatio, " times the other"));
      }
      return RunTorch([&] {
        const Use& use = uses[picture.place];
        Tensor& view = views[use.stretch];
        const Tensor crops = CropsOf(picture);
        if (!view.defined()) {
          view = at::empty({crops.size(0), 3, kFramesOfView, kImageBindSide, kImageBindSide});
        }
        view.select(2, use.place).copy_(crops);
        return absl::OkStatus();
      });
    };
    RETURN_IF_ERROR(source_(path, order, take).status());
    return views;
  }

  absl::Status Embed(const std::vector<Tensor>& views, FeatureMatrix& embeddings) const {
    return RunTorch([&] {
      std::vector<Tensor> rows;
      rows.reserve(views.size());
      for (const Tensor& view : views) {
        rows.push_back(file_->tower->Embed(view).mean(0));  // over crops
      }
      Tensor all = at::stack(rows);
      if (parts_ == ImageBindParts::kPublished) all = all.mean(0, /*keepdim=*/true);
      all = all.contiguous();
      const auto* values = all.const_data_ptr<float>();
      embeddings.values.insert(embeddings.values.end(), values, values + all.numel());
      embeddings.rows += all.size(0);
      return absl::OkStatus();
    });
  }

  const ExtractorInfo info_;
  const ImageBindParts parts_;
  const std::shared_ptr<const ImageBindFile> file_;
  const PictureSource source_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<PictureExtractor>> OpenImageBindPictures(const std::string& path,
                                                                        ImageBindParts parts,
                                                                        PictureSource source) {
  ASSIGN_OR_RETURN(std::shared_ptr<const ImageBindFile> file,
                   OpenImageBindFile(path, ImageBindModality::kPictures));
  ExtractorInfo info = file->info;
  info.name = parts == ImageBindParts::kDense ? "imagebind_pictures_dense" : "imagebind_pictures";
  return std::make_unique<ImageBindPictures>(std::move(info), parts, std::move(file),
                                             std::move(source));
}

}  // namespace vidmuse
