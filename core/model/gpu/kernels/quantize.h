// Quantises a condition's keys and values to 8 bits when its window opens. Keys have a scale for
// each channel, because some channels are far larger than others. Values have a scale for each
// position.
//
// A block of 256 threads computes one head: 64 channels of all positions, with 8 channels per
// thread. A scale is the largest magnitude / 127. Numbers are rounded to nearest, ties to even.
#ifndef VIDMUSE_MODEL_GPU_KERNELS_QUANTIZE_H_
#define VIDMUSE_MODEL_GPU_KERNELS_QUANTIZE_H_

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/model/gpu/kernels/attention.h"
#include "core/model/gpu/kernels/block.h"
#include "core/model/gpu/kernels/numbers.h"

namespace vidmuse::gpu {

constexpr int kQuantizeThreads = 256;
constexpr size_t kQuantizeSharedBytes = sizeof(float) * kHeadDim * (kQuantizeThreads / 8);

// The grid has one block per head.
struct QuantizeArgs {
  const uint16_t* keys = nullptr;  // [tokens][row_stride]; head h's channels begin at 64 h
  const uint16_t* values = nullptr;
  int64_t row_stride = 0;
  int tokens = 0;
  int8_t* to_keys = nullptr;  // of the slot, by `layout`
  int8_t* to_values = nullptr;
  KvLayout layout;
  float* k_scales = nullptr;  // of the slot, [heads * 64]
  float* v_scales = nullptr;  // of the slot, [heads][positions]
  int positions = 0;
};

// `inverse` is 1 / scale, or 0.
VIDMUSE_DEVICE uint32_t ToByte(float value, float inverse) {
  // Adding 1.5 * 2^23 rounds to an integer, which is then in the low bits.
  return FloatToBits(value * inverse + 12582912.0f) & 0xff;
}
VIDMUSE_DEVICE float InverseScale(float scale) { return scale > 1e-30f ? 1 / scale : 0; }

VIDMUSE_DEVICE void StoreBytes(const float* x, const float* inverse, int8_t* to) {
  Words2 bytes = {};
  for (int c = 0; c < 8; ++c) bytes.word[c / 4] |= ToByte(x[c], inverse[c]) << c % 4 * 8;
  *reinterpret_cast<Words2*>(to) = bytes;
}

template <Number kNumber>
VIDMUSE_DEVICE void QuantizeBody(Block& block, const QuantizeArgs& args) {
  const int thread = block.thread(), head = block.x(), channel = thread % 8 * 8;
  float* const most = reinterpret_cast<float*>(block.shared());  // [32][64]
  block.LaunchNext();
  block.WaitForPrevious();
  const int64_t from = head * kHeadDim + channel;
  float largest[8] = {};
  for (int i = thread / 8; i < args.tokens; i += kQuantizeThreads / 8) {
    float key[8];
    Widen<kNumber>(LoadFresh4(args.keys + i * args.row_stride + from), key);
    for (int c = 0; c < 8; ++c) largest[c] = fmaxf(largest[c], fabsf(key[c]));
  }
  for (int c = 0; c < 8; ++c) most[thread / 8 * kHeadDim + channel + c] = largest[c];
  block.Sync();
  float k_inverse[8];
  for (int c = 0; c < 8; ++c) {
    float all = 0;
    for (int i = 0; i < kQuantizeThreads / 8; ++i) {
      all = fmaxf(all, most[i * kHeadDim + channel + c]);
    }
    const float scale = all / 127;
    k_inverse[c] = InverseScale(scale);
    if (thread < 8) args.k_scales[head * kHeadDim + channel + c] = scale;
  }
  // All threads of a warp run the same number of iterations, because they shuffle.
  for (int first = 0; first < args.tokens; first += kQuantizeThreads / 8) {
    const int i = first + thread / 8;
    const bool used = i < args.tokens;
    float key[8] = {}, value[8] = {}, size = 0;
    if (used) {
      Widen<kNumber>(LoadFresh4(args.keys + i * args.row_stride + from), key);
      Widen<kNumber>(LoadFresh4(args.values + i * args.row_stride + from), value);
    }
    for (int c = 0; c < 8; ++c) size = fmaxf(size, fabsf(value[c]));
    for (int mask = 4; mask > 0; mask /= 2) size = fmaxf(size, block.ShuffleXor(size, mask));
    if (!used) continue;
    const float scale = size / 127, inverse = InverseScale(scale);
    const float v_inverse[8] = {inverse, inverse, inverse, inverse,
                                inverse, inverse, inverse, inverse};
    const int64_t to = head * args.layout.head + i * args.layout.position + channel;
    StoreBytes(key, k_inverse, args.to_keys + to);
    StoreBytes(value, v_inverse, args.to_values + to);
    if (thread % 8 == 0) args.v_scales[static_cast<int64_t>(head) * args.positions + i] = scale;
  }
}

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_KERNELS_QUANTIZE_H_
