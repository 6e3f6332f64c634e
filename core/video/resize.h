// Bilinear resize of RGB pixels to the model's square input.
#ifndef VIDMUSE_VIDEO_RESIZE_H_
#define VIDMUSE_VIDEO_RESIZE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vidmuse {

// Interleaved RGB pixels of 8 bits each, read with arbitrary steps: negative and swapped steps
// rotate the picture.
struct RgbView {
  const uint8_t* origin = nullptr;  // pixel (0, 0)
  ptrdiff_t x_step = 0;             // bytes to the next pixel of a row
  ptrdiff_t y_step = 0;             // bytes to the next row
  int width = 0;
  int height = 0;
};

// Returns planes [3, 224, 224]. Uses half-pixel centres and no antialiasing, and doesn't keep the
// aspect ratio. Computes in float32 and rounds halves to even, bit for bit as torchvision's
// `Resize((224, 224))` on uint8 tensors without antialiasing (torch's CPU kernel, whose
// multiply-adds are fused).
std::vector<uint8_t> ResizeToModel(const RgbView& source);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_RESIZE_H_
