// Turns a frame's RGB pixels into a picture of its own.
#ifndef VIDMUSE_VIDEO_PICTURE_SCALER_H_
#define VIDMUSE_VIDEO_PICTURE_SCALER_H_

#include "core/video/picture_order.h"
#include "core/video/resize.h"

namespace vidmuse {

// Returns the picture without its place. `short_side` and `grey` are those of PictureOrder; the
// longer side is rounded down. Values are computed in float32 and rounded once, halves up.
Picture MakePicture(const RgbView& source, int short_side, bool grey);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_PICTURE_SCALER_H_
