// Applies guidance and draws the next tokens of all requests and codebooks in one launch, by the
// rules of core/model/architecture/sampler.h and in double, as it does.
//
// A block of 256 threads computes one codebook of one request: up to 2,048 tokens, 8 per thread in
// token order. Guided logits are rounded as in GuideLogits. The top_k-th logit is found by a radix
// search, 8 bits at a time. If top_p cuts, weights are sorted in shared memory, equal ones in token
// order.
//
// Order of sums: a thread's 8 numbers in order, then a warp's threads by a prefix sum with doubling
// distance, then warps in order. Equal logits give the same token as Sampler, unless `uniform`
// times the sum of the kept weights, or top_p, lies within about 1e-15 of the boundary between two
// tokens. A token depends on the request's own logits and options alone.
#ifndef VIDMUSE_MODEL_GPU_KERNELS_SAMPLE_H_
#define VIDMUSE_MODEL_GPU_KERNELS_SAMPLE_H_

#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/model/gpu/kernels/block.h"
#include "core/model/gpu/kernels/numbers.h"
#include "core/model/gpu/kernels/step_input.h"

namespace vidmuse::gpu {

constexpr int kSampleThreads = 256;
constexpr int kSampleWarps = kSampleThreads / kWarpThreads;
constexpr int kTokensPerThread = 8;
constexpr int kMaxCard = kSampleThreads * kTokensPerThread;

// The grid is codebooks x requests.
struct SampleArgs {
  const StepInput* steps = nullptr;
  const float* logits = nullptr;  // [requests * 2][codebooks * card]
  float* guided = nullptr;        // [requests][codebooks][card]
  int32_t* tokens = nullptr;      // [requests][codebooks]; -1: a logit isn't finite
  int codebooks = 0;
  int card = 0;  // at most kMaxCard
};

struct SampleShared {
  double weights[kMaxCard];  // in token order; 0 for what was cut
  double sorted[kMaxCard];   // in descending order
  uint16_t order[kMaxCard];  // the tokens of `sorted`
  double warp_sums[kSampleWarps];
  float warp_best[kSampleWarps];
  int warp_token[kSampleWarps];
  int warp_finite[kSampleWarps];
  uint32_t bins[kSampleThreads];
  uint32_t warp_counts[kSampleWarps];
  uint32_t digit, left;
};

#ifdef __CUDACC__
VIDMUSE_DEVICE float MultiplyRounded(float a, float b) { return __fmul_rn(a, b); }
VIDMUSE_DEVICE bool IsFinite(float x) { return isfinite(x); }
#else
inline float MultiplyRounded(float a, float b) { return a * b; }
inline bool IsFinite(float x) { return std::isfinite(x); }
#endif

// Returns the sum of the numbers of all threads before this one, and puts the sum of all into
// `total`.
VIDMUSE_DEVICE double SumBefore(Block& block, double own, double* warp_sums, double* total) {
  const int thread = block.thread(), warp = thread / kWarpThreads, lane = thread % kWarpThreads;
  double sum = own;
  for (int delta = 1; delta < kWarpThreads; delta *= 2) {
    const double below = block.ShuffleUp(sum, delta);
    if (lane >= delta) sum = below + sum;
  }
  double before = block.ShuffleUp(sum, 1);
  if (lane == 0) before = 0;
  block.Sync();  // no thread still reads an earlier call's warp_sums
  if (lane == kWarpThreads - 1) warp_sums[warp] = sum;
  block.Sync();
  double all = 0, of_warps = 0;
  for (int i = 0; i < kSampleWarps; ++i) {
    if (i == warp) of_warps = all;
    all += warp_sums[i];
  }
  *total = all;
  return of_warps + before;
}

// Bitonic sort by descending weight, then by ascending token.
VIDMUSE_DEVICE void Sort(Block& block, SampleShared& shared, int size) {
  for (int run = 2; run <= size; run *= 2) {
    for (int distance = run / 2; distance > 0; distance /= 2) {
      block.Sync();
      for (int pair = block.thread(); pair < size / 2; pair += kSampleThreads) {
        const int a = 2 * pair - pair % distance, b = a + distance;
        const double left = shared.sorted[a], right = shared.sorted[b];
        const uint16_t left_token = shared.order[a], right_token = shared.order[b];
        const bool in_order = left != right ? left > right : left_token < right_token;
        if (in_order != ((a & run) == 0)) {
          shared.sorted[a] = right, shared.sorted[b] = left;
          shared.order[a] = right_token, shared.order[b] = left_token;
        }
      }
    }
  }
  block.Sync();
}

// Maps a float to bits that are ordered as floats are.
VIDMUSE_DEVICE uint32_t OrderedBits(float value) {
  const uint32_t bits = FloatToBits(value);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
VIDMUSE_DEVICE float FromOrderedBits(uint32_t bits) {
  return BitsToFloat(bits & 0x80000000u ? bits & 0x7fffffffu : ~bits);
}

// Returns the k-th largest of all threads' logits; k = 1 is the largest.
VIDMUSE_DEVICE float KthLargest(Block& block, const float* logits, int count, int k,
                                SampleShared& shared) {
  const int thread = block.thread(), warp = thread / kWarpThreads, lane = thread % kWarpThreads;
  uint32_t found = 0, mask = 0, left = static_cast<uint32_t>(k);
  for (int shift = 24; shift >= 0; shift -= 8) {
    shared.bins[thread] = 0;
    block.Sync();
    for (int i = 0; i < count; ++i) {
      const uint32_t bits = OrderedBits(logits[i]);
      if ((bits & mask) == found) block.Increment(&shared.bins[(bits >> shift) & 0xff]);
    }
    block.Sync();
    // Each thread handles one digit, in descending order.
    const uint32_t digit = kSampleThreads - 1 - thread, own = shared.bins[digit];
    uint32_t sum = own;
    for (int delta = 1; delta < kWarpThreads; delta *= 2) {
      const uint32_t below = block.ShuffleUp(sum, delta);
      if (lane >= delta) sum += below;
    }
    if (lane == kWarpThreads - 1) shared.warp_counts[warp] = sum;
    block.Sync();
    for (int i = 0; i < warp; ++i) sum += shared.warp_counts[i];
    if (sum - own < left && left <= sum) shared.digit = digit, shared.left = left - (sum - own);
    block.Sync();
    found |= shared.digit << shift;
    mask |= 0xffu << shift;
    left = shared.left;
  }
  return FromOrderedBits(found);
}

// Sets those of a thread's own weights to 0 that are below `least`.
VIDMUSE_DEVICE void CutBelow(Block& block, double least, int count, SampleShared& shared) {
  double* const own = shared.weights + block.thread() * kTokensPerThread;
  for (int i = 0; i < count; ++i) {
    if (own[i] < least) own[i] = 0;
  }
}

// Sets the weights outside of the nucleus to 0.
VIDMUSE_DEVICE void CutNucleus(Block& block, double top_p, int card, SampleShared& shared) {
  int size = 1;
  while (size < card) size *= 2;
  for (int i = block.thread(); i < size; i += kSampleThreads) {
    shared.sorted[i] = i < card ? shared.weights[i] : -1;
    shared.order[i] = static_cast<uint16_t>(i);
  }
  Sort(block, shared, size);
  const int first = block.thread() * kTokensPerThread;
  double own = 0, total;
  for (int i = 0; i < kTokensPerThread; ++i) {
    if (first + i < card) own += shared.sorted[first + i];
  }
  double before = SumBefore(block, own, shared.warp_sums, &total);
  for (int i = 0; i < kTokensPerThread; ++i) {
    if (first + i >= card) break;
    if (before > top_p) shared.weights[shared.order[first + i]] = 0;
    before += shared.sorted[first + i];
  }
  block.Sync();
}

// The largest logit, its token (the first of equal ones), and whether all logits are finite. All
// threads get the same result.
struct Best {
  float logit;
  int token;
  int finite;
};
VIDMUSE_DEVICE Best FindBest(Block& block, const float* logits, int count, SampleShared& shared) {
  const int thread = block.thread(), warp = thread / kWarpThreads;
  Best best = {-INFINITY, kMaxCard, 1};
  for (int i = 0; i < count; ++i) {
    if (!IsFinite(logits[i])) best.finite = 0;
    if (logits[i] > best.logit) {
      best.logit = logits[i], best.token = thread * kTokensPerThread + i;
    }
  }
  const auto join = [&best](float logit, int token, int finite) {
    if (logit > best.logit || (logit == best.logit && token < best.token)) {
      best.logit = logit, best.token = token;
    }
    best.finite = best.finite & finite;
  };
  for (int mask = 16; mask > 0; mask /= 2) {
    const float logit = block.ShuffleXor(best.logit, mask);
    const int token = block.ShuffleXor(best.token, mask);
    const int finite = block.ShuffleXor(best.finite, mask);
    join(logit, token, finite);
  }
  if (thread % kWarpThreads == 0) {
    shared.warp_best[warp] = best.logit;
    shared.warp_token[warp] = best.token;
    shared.warp_finite[warp] = best.finite;
  }
  block.Sync();
  for (int i = 0; i < kSampleWarps; ++i) {
    join(shared.warp_best[i], shared.warp_token[i], shared.warp_finite[i]);
  }
  return best;
}

// Returns the first kept token at which the sum exceeds uniform * total.
VIDMUSE_DEVICE int Invert(Block& block, const SampleShared& shared, int card, double uniform,
                          double* warp_sums, int* warp_token) {
  const int thread = block.thread(), first = thread * kTokensPerThread;
  double own = 0, total;
  for (int i = 0; i < kTokensPerThread; ++i) {
    if (first + i < card) own += shared.weights[first + i];
  }
  double sum = SumBefore(block, own, warp_sums, &total);
  const double target = uniform * total;
  int found = kMaxCard, last = -1;  // rounding may put the target at the very end
  for (int i = 0; i < kTokensPerThread; ++i) {
    if (first + i >= card || shared.weights[first + i] == 0) continue;
    sum += shared.weights[first + i];
    last = first + i;
    if (sum > target && found == kMaxCard) found = first + i;
  }
  for (int mask = 16; mask > 0; mask /= 2) {
    const int other = block.ShuffleXor(found, mask), behind = block.ShuffleXor(last, mask);
    found = other < found ? other : found;
    last = behind > last ? behind : last;
  }
  // One number encodes both: the first token found, or else the last one kept.
  if (thread % kWarpThreads == 0) {
    warp_token[thread / kWarpThreads] = found < kMaxCard ? found : kMaxCard + kMaxCard - last;
  }
  block.Sync();
  int token = warp_token[0];
  for (int i = 1; i < kSampleWarps; ++i) token = warp_token[i] < token ? warp_token[i] : token;
  return token < kMaxCard ? token : kMaxCard + kMaxCard - token;
}

VIDMUSE_DEVICE void SampleBody(Block& block, const SampleArgs& args) {
  SampleShared& shared = *reinterpret_cast<SampleShared*>(block.shared());
  const int thread = block.thread(), codebook = block.x(), request = block.y();
  const int first = thread * kTokensPerThread, card = args.card;
  block.LaunchNext();
  block.WaitForPrevious();
  const StepInput& step = args.steps[request];
  int32_t* const token = args.tokens + request * args.codebooks + codebook;
  if (step.slot < 0) {
    if (thread == 0) *token = -1;
    return;
  }
  const size_t row = static_cast<size_t>(args.codebooks) * card;
  const float* const conditional = args.logits + 2 * request * row + codebook * card;
  float* const guided = args.guided + request * row + codebook * card;
  float logits[kTokensPerThread];
  const int count =
      card - first < kTokensPerThread ? (card > first ? card - first : 0) : kTokensPerThread;
  for (int i = 0; i < count; ++i) {
    const float null = LoadFresh(conditional + row + first + i);
    const float distance = LoadFresh(conditional + first + i) - null;
    logits[i] = null + MultiplyRounded(distance, step.cfg_coef);
    guided[first + i] = logits[i];
  }
  const Best best = FindBest(block, logits, count, shared);
  if (!best.finite || step.greedy) {
    if (thread == 0) *token = best.finite ? best.token : -1;
    return;
  }
  double own = 0, total;
  double weights[kTokensPerThread];
  const auto weight = [&](float logit) {
    return exp((double{logit} - double{best.logit}) / step.temperature);
  };
  for (int i = 0; i < count; ++i) own += weights[i] = weight(logits[i]);
  SumBefore(block, own, shared.warp_sums, &total);
  for (int i = 0; i < count; ++i) shared.weights[first + i] = weights[i] / total;
  block.Sync();
  if (step.top_p > 0) {
    CutNucleus(block, step.top_p, card, shared);
  } else if (step.top_k > 0 && step.top_k < card) {
    // Weights increase with logits, and equal logits have equal weights.
    const float least = KthLargest(block, logits, count, step.top_k, shared);
    CutBelow(block, weight(least) / total, count, shared);
  }
  const int drawn =
      Invert(block, shared, card, step.uniforms[codebook], shared.warp_sums, shared.warp_token);
  if (thread == 0) *token = drawn;
}

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_KERNELS_SAMPLE_H_
