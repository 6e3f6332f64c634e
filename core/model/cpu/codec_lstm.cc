#include "core/model/cpu/codec_lstm.h"

#include <algorithm>
#include <cmath>

namespace vidmuse::cpu {
namespace {

float Sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

std::vector<float> Sums(const std::vector<float>& a, const std::vector<float>& b) {
  std::vector<float> sums(a.size());
  for (size_t i = 0; i < a.size(); ++i) sums[i] = a[i] + b[i];
  return sums;
}

}  // namespace

LstmLayer::LstmLayer(const std::vector<float>& input, const std::vector<float>& hidden,
                     const std::vector<float>& input_bias, const std::vector<float>& hidden_bias,
                     int size, const Kernels& kernels, Precision precision)
    : size_(size),
      kernels_(kernels),
      input_(input.data(), Sums(input_bias, hidden_bias).data(), 4 * size, size, precision),
      hidden_(hidden.data(), nullptr, 4 * size, size, precision),
      h_(size_t{kTogether} * size),
      gates_(size_t{kTogether} * 4 * size),
      scratch_(LinearScratch(precision, kTogether, size)) {}

void LstmLayer::Run(const std::vector<float>& x, LstmState& state, std::vector<float>* y) const {
  const size_t steps = x.size() / size_;
  if (steps == 0) return;
  std::vector<float> gates(steps * 4 * size_);
  ApplyRows(input_, kernels_, x.data(), size_, static_cast<int64_t>(steps), gates.data(),
            int64_t{4} * size_);
  const size_t begin = y->size();
  y->resize(begin + steps * size_);
  if (state.h.empty()) {
    std::vector<float> h(size_), c(size_);
    state.h.swap(h);
    state.c.swap(c);
  }
  Work work{static_cast<int64_t>(steps), gates.data(), state.c.data(), state.h.data(),
            y->data() + begin,           nullptr,      false,          false};
  Join(work);
}

void LstmLayer::Join(Work& work) const {
  Work* group[kTogether];
  int count = 0;
  {
    const MutexLock lock(&mutex_);
    work.next = waiting_;
    waiting_ = &work;
    mutex_.Await([&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return work.done || (!computing_ && !work.taken);
    });
    if (work.done) return;
    computing_ = true;
    count = Take(work, group);
  }
  Compute(group, count);
  const MutexLock lock(&mutex_);
  for (int i = 0; i < count; ++i) group[i]->done = true;
  computing_ = false;
}

int LstmLayer::Take(Work& first, Work* (&group)[kTogether]) const {
  int waiting = 0;
  for (const Work* work = waiting_; work != nullptr; work = work->next) ++waiting;
  // The last in the list came first.
  int skip = std::max(0, waiting - kTogether);
  int count = 0;
  group[count++] = &first;
  for (Work** link = &waiting_; *link != nullptr;) {
    Work& work = **link;
    const bool own = &work == &first;
    if (!own && (skip-- > 0 || count == kTogether)) {
      link = &work.next;
      continue;
    }
    *link = work.next;
    work.taken = true;
    if (!own) group[count++] = &work;
  }
  return count;
}

void LstmLayer::Compute(Work* const* group, int count) const {
  const size_t n = size_;
  int64_t steps = 0;
  for (int i = 0; i < count; ++i) steps = std::max(steps, group[i]->steps);
  for (int64_t t = 0; t < steps; ++t) {
    int rows = 0;
    for (int i = 0; i < count; ++i) {
      if (t >= group[i]->steps) continue;
      std::copy_n(group[i]->h, n, h_.data() + rows * n);
      std::copy_n(group[i]->gates + t * 4 * n, 4 * n, gates_.data() + rows * 4 * n);
      ++rows;
    }
    hidden_.Apply(kernels_, h_.data(), size_, rows, gates_.data(), int64_t{4} * size_,
                  /*accumulate=*/true, scratch_.data());
    rows = 0;
    for (int i = 0; i < count; ++i) {
      if (t >= group[i]->steps) continue;
      Gates(gates_.data() + rows++ * 4 * n, *group[i]);
      std::copy_n(group[i]->h, n, group[i]->y + t * n);
    }
  }
}

void LstmLayer::Gates(const float* gates, Work& work) const {
  const int n = size_;
  if (hidden_.precision() != Precision::kFp32) return kernels_.lstm(gates, n, work.c, work.h);
  // With the C library's exponentials, which are more exact.
  for (int i = 0; i < n; ++i) {
    const float input = Sigmoid(gates[i]);
    const float forget = Sigmoid(gates[n + i]);
    const float cell = std::tanh(gates[2 * n + i]);
    const float output = Sigmoid(gates[3 * n + i]);
    work.c[i] = forget * work.c[i] + input * cell;
    work.h[i] = output * std::tanh(work.c[i]);
  }
}

}  // namespace vidmuse::cpu
