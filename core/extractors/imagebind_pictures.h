// ImageBind's features of videos.
#ifndef VIDMUSE_EXTRACTORS_IMAGEBIND_PICTURES_H_
#define VIDMUSE_EXTRACTORS_IMAGEBIND_PICTURES_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/extractors/extractor.h"
#include "core/extractors/imagebind_sound.h"
#include "core/extractors/read_pictures.h"

namespace vidmuse {

// Of each clip or window, the tower sees the first and the last frame, scaled so that the shorter
// side has 224 pixels, in three square crops, as in the published code. Each row is the mean of
// vectors of length 1: of those of all clips and crops, or of a window's crops. Errors are those of
// OpenPictureExtractor.
absl::StatusOr<std::unique_ptr<PictureExtractor>> OpenImageBindPictures(const std::string& path,
                                                                        ImageBindParts parts,
                                                                        PictureSource source);

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_IMAGEBIND_PICTURES_H_
