// Bilinear resize of RGB pixels to the square the model looks at.
#ifndef VIDMUSE_VIDEO_RESIZE_H_
#define VIDMUSE_VIDEO_RESIZE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace vidmuse {

// Interleaved RGB pixels of 8 bits, read with any steps: negative and swapped ones turn the
// picture.
struct RgbView {
  const uint8_t* origin = nullptr;  // pixel (0, 0)
  ptrdiff_t x_step = 0;             // bytes to the next pixel of a row
  ptrdiff_t y_step = 0;             // bytes to the next row
  int width = 0;
  int height = 0;
};

// Returns planes [3, 224, 224]. Half-pixel centres, no antialiasing, aspect ratio not kept,
// computed in float32 and rounded half to even: bit for bit torchvision's `Resize((224, 224))` on
// uint8 tensors with antialias off (torch's CPU kernel, whose multiply-adds are fused).
std::vector<uint8_t> ResizeToModel(const RgbView& source);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_RESIZE_H_
