// One of ImageBind's towers: it embeds sounds or pictures. This header needs no Torch.
//
// Source: "ImageBind: One Embedding Space To Bind Them All" (Girdhar et al., 2023) and its public
// code.
#ifndef VIDMUSE_EXTRACTORS_IMAGEBIND_TOWER_H_
#define VIDMUSE_EXTRACTORS_IMAGEBIND_TOWER_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "core/model/checkpoint/weight_reader.h"

namespace at {
class Tensor;
}

namespace vidmuse {

enum class ImageBindModality { kSound, kPictures };

inline constexpr int64_t kImageBindFrames = 204;  // of a sound's filter bank
inline constexpr int64_t kImageBindSide = 224;    // pixels of a view

// Computes in float32. Immutable after Load; thread-safe.
class ImageBindTower {
 public:
  // Reads the tower alone from imagebind_huge.pth, or from a file of the same layout with other
  // sizes, which are those of the tensors in it. INVALID_ARGUMENT names the tensor that is of
  // another network, NOT_FOUND the one that is missing.
  static absl::StatusOr<std::unique_ptr<const ImageBindTower>> Load(ImageBindModality modality,
                                                                    WeightReader& weights);
  ~ImageBindTower();

  // Takes sounds [N, 1, kFbankBins, kImageBindFrames] or views [N, 3, 2, kImageBindSide,
  // kImageBindSide] of two frames each. Returns [N, columns()]: vectors of length 1, for sounds
  // times the scale that the file states. Throws what Torch throws, so call it inside RunTorch.
  at::Tensor Embed(const at::Tensor& input) const;

  int64_t columns() const { return columns_; }

 private:
  struct Tensors;
  explicit ImageBindTower(ImageBindModality modality);
  absl::Status ReadTensors(WeightReader& weights);

  const ImageBindModality modality_;
  const std::unique_ptr<Tensors> t_;
  int64_t columns_ = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_IMAGEBIND_TOWER_H_
