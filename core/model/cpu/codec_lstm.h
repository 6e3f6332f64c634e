// An LSTM layer of EnCodec's decoder, which all streams share.
#ifndef VIDMUSE_MODEL_CPU_CODEC_LSTM_H_
#define VIDMUSE_MODEL_CPU_CODEC_LSTM_H_

#include <cstdint>
#include <vector>

#include "core/base/mutex.h"
#include "core/model/cpu/kernels/kernels.h"
#include "core/model/cpu/kernels/packed_linear.h"

namespace vidmuse::cpu {

struct LstmState {
  std::vector<float> h, c;  // [size]; empty before the first step
};

// Every step reads all recurrent weights, so streams that come at the same time take their steps
// side by side: one of their threads computes for all, and the weights are read once. Each stream
// gets the bits that it would get alone. Thread-safe.
class LstmLayer {
 public:
  // The weights in PyTorch's layout: [4 * size, size], gates in the order input, forget, cell,
  // output. `precision` is kFp32 or kInt8. Throws std::bad_alloc.
  LstmLayer(const std::vector<float>& input, const std::vector<float>& hidden,
            const std::vector<float>& input_bias, const std::vector<float>& hidden_bias, int size,
            const Kernels& kernels, Precision precision);

  // Appends the outputs for `x` to `y`, both [time][size]. Throws std::bad_alloc, and leaves
  // `state` unchanged then.
  void Run(const std::vector<float>& x, LstmState& state, std::vector<float>* y) const;

  // The most streams that take their steps side by side.
  static constexpr int kTogether = 8;

 private:
  // A stream's steps. It lives on its thread's stack.
  struct Work {
    int64_t steps;
    float* gates;  // [steps][4 * size]: the products of the inputs, with the biases
    float* c;      // [size]
    float* h;      // [size]
    float* y;      // [steps][size]
    Work* next;    // of those that wait
    bool taken;    // by the thread that computes
    bool done;
  };

  // Waits until the steps of `work` are computed, or computes them, with others' beside them.
  void Join(Work& work) const;
  // Takes up to kTogether of those that wait, `first` and the ones that came first.
  int Take(Work& first, Work* (&group)[kTogether]) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Compute(Work* const* group, int count) const;
  void Gates(const float* gates, Work& work) const;

  const int size_;
  const Kernels& kernels_;
  PackedLinear input_;  // with both biases
  PackedLinear hidden_;

  mutable Mutex mutex_;
  mutable Work* waiting_ ABSL_GUARDED_BY(mutex_) = nullptr;  // the last to come is the first
  mutable bool computing_ ABSL_GUARDED_BY(mutex_) = false;
  // Used by the thread that computes.
  mutable std::vector<float> h_;      // [kTogether][size]
  mutable std::vector<float> gates_;  // [kTogether][4 * size]
  mutable std::vector<float> scratch_;
};

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_CODEC_LSTM_H_
