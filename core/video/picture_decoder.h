// Decodes pictures of a video file in memory.
#ifndef VIDMUSE_VIDEO_PICTURE_DECODER_H_
#define VIDMUSE_VIDEO_PICTURE_DECODER_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/cancel.h"
#include "core/video/picture_order.h"
#include "vidmuse/limits.h"

namespace vidmuse {

// Takes what is known before decoding, and how long reading and decoding may take together.
using TakePictureInfo =
    absl::FunctionRef<absl::Status(const PictureInfo& info, absl::Duration time_limit)>;

// Calls `take_info`, and then `take` for each picture of a valid order. The video stream and its
// frames are those of SampleVideo (frame_sampler.h); a number or time beyond the last frame means
// the last one. Decodes from the beginning up to the last wanted frame, and holds one frame and one
// picture besides what the decoder holds.
//
// A frame that can't be decoded is replaced by the one before it, or by the first that can.
//
// Errors are those of SampleVideo and of the functions. If fewer than half of the wanted frames can
// be decoded, that comes out after the pictures were given. Thread-safe.
absl::Status DecodePictures(absl::string_view file, const PictureOrder& order, const Limits& limits,
                            const CancelFlag& cancel, TakePictureInfo take_info, TakePicture take);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_PICTURE_DECODER_H_
