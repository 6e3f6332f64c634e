#include "core/model/conditioner/frame_patches.h"

#include <array>

#include "core/model/architecture/conditioner_tensors.h"
#include "core/model/architecture/video_frames.h"

namespace vidmuse {
namespace {

using PixelTable = std::array<std::array<float, 256>, 3>;

PixelTable MakePixelTable() {
  PixelTable table;
  for (int channel = 0; channel < 3; ++channel) {
    for (int byte = 0; byte < 256; ++byte) {
      table[channel][byte] =
          static_cast<float>((byte / 255.0 - kPixelMean[channel]) / kPixelDeviation[channel]);
    }
  }
  return table;
}

}  // namespace

void ReadPatches(const uint8_t* frame, float* patches) {
  static const PixelTable kTable = MakePixelTable();
  constexpr int kAcross = kFrameSize / kPatchSize;
  for (int channel = 0; channel < 3; ++channel) {
    for (int y = 0; y < kFrameSize; ++y) {
      const uint8_t* line = frame + (channel * kFrameSize + y) * kFrameSize;
      for (int x = 0; x < kFrameSize; ++x) {
        const int patch = 1 + y / kPatchSize * kAcross + x / kPatchSize;
        patches[patch * kPatchFloats + (channel * kPatchSize + y % kPatchSize) * kPatchSize +
                x % kPatchSize] = kTable[channel][line[x]];
      }
    }
  }
}

}  // namespace vidmuse
