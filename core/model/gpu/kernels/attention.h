// A decoding step's attention: each row and head has one query over a KV cache in memory.
//
// One launch computes all requests' rows, conditional and null. A row has `heads` heads of 64
// numbers. Self-attention reads positions [0, position] of the row's own cache. In cross-attention,
// conditional rows read their request's condition, and null rows read one null condition, which all
// share. The device reads lengths and slots from memory.
//
// Keys are split into pieces of 256 positions. A block of 8 warps computes one piece of one head of
// one row, and each warp 32 positions. Blocks past a row's end return at once. Before the previous
// kernel has ended, each thread starts to copy its keys and values to its own place in shared
// memory, except for the newest positions, which that kernel writes.
//
// Order of sums: for a score, each of 8 threads sums 8 channels in order, and a butterfly adds the
// threads. For a warp's 32 positions, each of 4 threads sums 8 positions in order, and a butterfly
// adds the threads. Then the warps are added in order, and the block that ends last adds the pieces
// in order. Each level is relative to its own maximum. The order depends on the row's length alone,
// so a row's bits don't depend on other rows, the bucket, its place or its slot.
//
// 16-bit keys and values are converted to float32. If a condition has 8 bits, key channel c of a
// slot is k * k_scales[c], and a head's values at a position are v * v_scales[position]. Both are
// rounded to nearest. So with s = max |key| / 127 of a channel, t = max |value| / 127 of a position
// and d = sum over channels |q[c]| * s[c] / 2 / sqrt(64), a weight changes at most by a factor of
// exp(2 d), and an output at most by max |value| * (exp(2 d) - 1) + max t / 2.
#ifndef VIDMUSE_MODEL_GPU_KERNELS_ATTENTION_H_
#define VIDMUSE_MODEL_GPU_KERNELS_ATTENTION_H_

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/model/gpu/kernels/block.h"
#include "core/model/gpu/kernels/linear.h"
#include "core/model/gpu/kernels/numbers.h"
#include "core/model/gpu/kernels/step_input.h"

namespace vidmuse::gpu {

constexpr int kPiece = 256;  // positions
constexpr int kAttentionWarps = 8;
constexpr int kAttentionThreads = kAttentionWarps * kWarpThreads;
constexpr int kMaxPieces = 16;
constexpr int kPartial = kHeadDim + 2;  // floats: maximum, sum, weighted values

constexpr int Pieces(int positions) { return (positions + kPiece - 1) / kPiece; }

// Sizes of the scratch memory: floats, and counters, which must be 0 before the first launch.
constexpr size_t AttentionPartials(int rows, int heads, int positions) {
  return static_cast<size_t>(rows) * heads * Pieces(positions) * kPartial;
}
constexpr size_t AttentionCounters(int rows, int heads) {
  return static_cast<size_t>(rows) * heads;
}
// A warp reads its 32 positions in this many turns of 4.
constexpr int kTurns = 8;
// A block's shared memory: its warps' keys and values, partial results and a flag.
constexpr size_t AttentionSharedBytes(bool bytes) {
  return size_t{2} * kTurns * kAttentionThreads * (bytes ? sizeof(Words2) : sizeof(Words4)) +
         sizeof(float) * kAttentionWarps * kPartial + 16;
}
// The null condition's 16-bit keys and values must fit where a piece of 8-bit ones does.
constexpr int kMaxNullTokens = kPiece / 2;

struct AttentionArgs {
  const StepInput* steps = nullptr;  // [rows / 2]
  const uint16_t* q = nullptr;       // [rows][heads * 64]
  uint16_t* out = nullptr;           // [rows][heads * 64]
  const void* keys = nullptr;        // by `layout`; int8 if there are scales
  const void* values = nullptr;
  KvLayout layout;
  const float* k_scales = nullptr;      // [slots][heads * 64]
  const float* v_scales = nullptr;      // [slots][heads][positions]
  const uint16_t* null_keys = nullptr;  // [heads][null_tokens][64]; null: self-attention
  const uint16_t* null_values = nullptr;
  int null_tokens = 0;
  int heads = 0;
  int positions = 0;  // that `layout` has room for
  float* partials = nullptr;
  uint32_t* counters = nullptr;
};

// Number of blocks. Self-attention has Pieces(positions) x heads x rows. Cross-attention has one
// more piece, for the null row: (Pieces(positions) + 1) x heads x requests.
struct AttentionGrid {
  AttentionGrid(const AttentionArgs& args, int rows)
      : x(Pieces(args.positions) + (args.null_keys != nullptr ? 1 : 0)),
        y(args.heads),
        z(args.null_keys != nullptr ? rows / 2 : rows) {}
  int x, y, z;
};

template <Number kNumber>
VIDMUSE_DEVICE void Widen(const Words4& from, float* to) {
  VIDMUSE_UNROLL
  for (int i = 0; i < 4; ++i) Unpack<kNumber>(from.word[i], to + 2 * i);
}
VIDMUSE_DEVICE void Widen(const Words2& from, float* to) {
  VIDMUSE_UNROLL
  for (int i = 0; i < 2; ++i) {
    to[4 * i] = SignedByte<0>(from.word[i]);
    to[4 * i + 1] = SignedByte<1>(from.word[i]);
    to[4 * i + 2] = SignedByte<2>(from.word[i]);
    to[4 * i + 3] = SignedByte<3>(from.word[i]);
  }
}

// One row's keys and values of one head.
struct RowKv {
  const void* keys;
  const void* values;
  int64_t stride;  // from one position to the next, in numbers
  int length;      // positions
  int settled;     // positions below this one were written before the previous kernel
  const float* k_scales;
  const float* v_scales;
};

VIDMUSE_DEVICE RowKv FindRow(const AttentionArgs& args, int row, int head) {
  const StepInput& step = args.steps[row / 2];
  if (step.slot < 0) return {nullptr, nullptr, 0, 0, 0, nullptr, nullptr};
  const bool cross = args.null_keys != nullptr;
  if (cross && row % 2 == 1) {
    const size_t at = static_cast<size_t>(head) * args.null_tokens * kHeadDim;
    return {args.null_keys + at,
            args.null_values + at,
            kHeadDim,
            args.null_tokens,
            args.null_tokens,
            nullptr,
            nullptr};
  }
  const int64_t at =
      step.slot * args.layout.slot + row % 2 * args.layout.row + head * args.layout.head;
  const bool bytes = args.k_scales != nullptr;
  const int64_t size = bytes ? 1 : 2;
  RowKv kv = {static_cast<const unsigned char*>(args.keys) + at * size,
              static_cast<const unsigned char*>(args.values) + at * size,
              args.layout.position,
              cross ? step.condition_tokens : step.position + 1,
              cross ? step.condition_tokens : step.first_new,
              nullptr,
              nullptr};
  if (bytes) {
    kv.k_scales = args.k_scales + (static_cast<int64_t>(step.slot) * args.heads + head) * kHeadDim;
    kv.v_scales =
        args.v_scales + (static_cast<int64_t>(step.slot) * args.heads + head) * args.positions;
  }
  return kv;
}

VIDMUSE_DEVICE Words4 LoadChannels(const Words4*, const void* from) { return LoadFresh4(from); }
VIDMUSE_DEVICE Words2 LoadChannels(const Words2*, const void* from) { return LoadFresh2(from); }

// Computes a warp's 32 positions and puts maximum, sum and weighted values into partial[kPartial].
// `staged` is the warp's shared memory, [2][kTurns][32].
template <Number kNumber, class Words>
VIDMUSE_DEVICE void AttendWarp(Block& block, const RowKv& kv, const uint16_t* q, int first,
                               Words* staged, float* partial) {
  const int lane = block.thread() % kWarpThreads, channel = lane % 8 * 8;
  const int own = first + lane / 8;
  constexpr int64_t kSize = sizeof(Words) / 8;  // bytes per number
  Words* const keys = staged + lane;
  Words* const values = keys + kTurns * kWarpThreads;
  const auto place = [&](const void* all, int position) {
    return static_cast<const unsigned char*>(all) + (position * kv.stride + channel) * kSize;
  };
  const auto start = [&](const void* all, Words* to) {
    VIDMUSE_UNROLL
    for (int i = 0; i < kTurns; ++i) {
      const int position = own + 4 * i;
      if (position < kv.settled) {
        StartCopy(to + i * kWarpThreads, place(all, position));
      } else {
        to[i * kWarpThreads] = {};
      }
    }
    EndCopyGroup();
  };
  start(kv.keys, keys);
  start(kv.values, values);
  block.WaitForPrevious();
  for (int i = 0; i < kTurns; ++i) {
    const int position = own + 4 * i;
    if (position < kv.settled || position >= kv.length) continue;
    keys[i * kWarpThreads] = LoadChannels(keys, place(kv.keys, position));
    values[i * kWarpThreads] = LoadChannels(values, place(kv.values, position));
  }
  float query[8];
  Widen<kNumber>(LoadFresh4(q + channel), query);
  VIDMUSE_UNROLL
  for (int c = 0; c < 8; ++c) {
    query[c] *= 0.125f * 1.44269504f;  // 1 / sqrt(64), and log2(e) for Exp2
    if (kv.k_scales != nullptr) query[c] *= kv.k_scales[channel + c];
  }

  WaitForCopies<1>();
  float scores[kTurns], most = -INFINITY;
  VIDMUSE_UNROLL
  for (int i = 0; i < kTurns; ++i) {
    float key[8], score = 0;
    if constexpr (sizeof(Words) == 16) {
      Widen<kNumber>(keys[i * kWarpThreads], key);
    } else {
      Widen(keys[i * kWarpThreads], key);
    }
    VIDMUSE_UNROLL
    for (int c = 0; c < 8; ++c) score = fmaf(query[c], key[c], score);
    VIDMUSE_UNROLL
    for (int mask = 4; mask > 0; mask /= 2) score += block.ShuffleXor(score, mask);
    scores[i] = own + 4 * i < kv.length ? score : -INFINITY;
    most = fmaxf(most, scores[i]);
  }
  most = fmaxf(most, block.ShuffleXor(most, 8));
  most = fmaxf(most, block.ShuffleXor(most, 16));

  WaitForCopies<0>();
  float sum = 0, out[8] = {};
  VIDMUSE_UNROLL
  for (int i = 0; i < kTurns; ++i) {
    const bool used = own + 4 * i < kv.length;
    const float weight = used ? Exp2(scores[i] - most) : 0;
    sum += weight;
    const float of_values =
        used && kv.v_scales != nullptr ? weight * kv.v_scales[own + 4 * i] : weight;
    float value[8];
    if constexpr (sizeof(Words) == 16) {
      Widen<kNumber>(values[i * kWarpThreads], value);
    } else {
      Widen(values[i * kWarpThreads], value);
    }
    VIDMUSE_UNROLL
    for (int c = 0; c < 8; ++c) out[c] = fmaf(of_values, value[c], out[c]);
  }
  VIDMUSE_UNROLL
  for (int mask = 8; mask <= 16; mask *= 2) {
    sum += block.ShuffleXor(sum, mask);
    VIDMUSE_UNROLL
    for (int c = 0; c < 8; ++c) out[c] += block.ShuffleXor(out[c], mask);
  }
  if (lane < 8) {
    if (lane == 0) partial[0] = most, partial[1] = sum;
    VIDMUSE_UNROLL
    for (int c = 0; c < 8; ++c) partial[2 + channel + c] = out[c];
  }
}

// Combines `count` partials in shared memory, in order, to maximum, sum and channel c's weighted
// values.
VIDMUSE_DEVICE void Combine(const float* partials, int count, int c, float* result) {
  float most = -INFINITY, sum = 0, value = 0;
  for (int i = 0; i < count; ++i) most = fmaxf(most, partials[i * kPartial]);
  for (int i = 0; i < count; ++i) {
    const float* const from = partials + i * kPartial;
    const float scale = Exp2(from[0] - most);  // 0 if the part had no position
    sum = fmaf(scale, from[1], sum);
    value = fmaf(scale, from[2 + c], value);
  }
  result[0] = most, result[1] = sum, result[2] = value;
}

// Copies the partials of all of a head's pieces, which other blocks wrote, to shared memory.
VIDMUSE_DEVICE void FetchPartials(Block& block, const float* from, int count, float* to) {
  constexpr int kLoads = (kMaxPieces * kPartial + kAttentionThreads - 1) / kAttentionThreads;
  float part[kLoads] = {};
  VIDMUSE_UNROLL
  for (int i = 0; i < kLoads; ++i) {
    const int at = block.thread() + i * kAttentionThreads;
    if (at < count * kPartial) part[i] = LoadFresh(from + at);
  }
  VIDMUSE_UNROLL
  for (int i = 0; i < kLoads; ++i) {
    const int at = block.thread() + i * kAttentionThreads;
    if (at < count * kPartial) to[at] = part[i];
  }
  block.Sync();
}

// kBytes: whether the keys and values in `layout` have 8 bits.
template <Number kNumber, bool kBytes>
VIDMUSE_DEVICE void AttentionBody(Block& block, const AttentionArgs& args) {
  const int thread = block.thread(), warp = thread / kWarpThreads;
  const bool cross = args.null_keys != nullptr;
  const bool null_row = cross && block.x() == Pieces(args.positions);
  const int piece = null_row ? 0 : block.x(), head = block.y();
  const int row = cross ? 2 * block.z() + (null_row ? 1 : 0) : block.z();
  block.LaunchNext();
  const RowKv kv = FindRow(args, row, head);
  if (piece * kPiece >= kv.length) {
    block.WaitForPrevious();
    return;
  }
  const size_t at = (static_cast<size_t>(row) * args.heads + head) * kHeadDim;
  constexpr size_t kStaged =
      size_t{2} * kTurns * kAttentionThreads * (kBytes ? sizeof(Words2) : sizeof(Words4));
  float* const partials = reinterpret_cast<float*>(block.shared() + kStaged);
  uint32_t* const flag = reinterpret_cast<uint32_t*>(partials + kAttentionWarps * kPartial);
  const int first = piece * kPiece + warp * kWarpThreads, staged = 2 * kTurns * kWarpThreads * warp;
  float* const partial = partials + warp * kPartial;
  if (first >= kv.length) {
    for (int i = thread % kWarpThreads; i < kPartial; i += kWarpThreads) {
      partial[i] = i == 0 ? -INFINITY : 0;
    }
  } else if (kBytes && !null_row) {
    AttendWarp<kNumber>(block, kv, args.q + at, first,
                        reinterpret_cast<Words2*>(block.shared()) + staged, partial);
  } else {
    AttendWarp<kNumber>(block, kv, args.q + at, first,
                        reinterpret_cast<Words4*>(block.shared()) + staged, partial);
  }
  block.Sync();
  const int pieces = Pieces(kv.length);
  float* const all = args.partials + (static_cast<size_t>(row) * args.heads + head) *
                                         Pieces(args.positions) * kPartial;
  float result[3];
  if (thread < kHeadDim) {
    Combine(partials, kAttentionWarps, thread, result);
    if (pieces == 1) {
      args.out[at + thread] = FromFloat<kNumber>(result[2] / result[1]);
    } else {
      float* const to = all + piece * kPartial;
      if (thread == 0) to[0] = result[0], to[1] = result[1];
      to[2 + thread] = result[2];
    }
  }
  if (pieces == 1) return;
  uint32_t* const counter = args.counters + static_cast<size_t>(row) * args.heads + head;
  if (!block.IsLast(counter, static_cast<uint32_t>(pieces), flag)) return;
  // The partials overwrite keys and values, which are no longer needed.
  float* const fetched = reinterpret_cast<float*>(block.shared());
  FetchPartials(block, all, pieces, fetched);
  if (thread < kHeadDim) {
    Combine(fetched, pieces, thread, result);
    args.out[at + thread] = FromFloat<kNumber>(result[2] / result[1]);
  }
}

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_KERNELS_ATTENTION_H_
