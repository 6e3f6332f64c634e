// Small networks for the tests of training.
#ifndef VIDMUSE_TESTS_UNIT_TRAIN_TRAIN_TEST_UTIL_H_
#define VIDMUSE_TESTS_UNIT_TRAIN_TRAIN_TEST_UTIL_H_

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "core/model/synthetic/hash_model.h"
#include "core/train/parameters.h"
#include "core/train/random.h"
#include "tests/support/fresh_folder.h"

namespace vidmuse::train {

inline HashModelSizes SmallSizes() {
  HashModelSizes sizes;
  sizes.dim = 16;
  sizes.num_heads = 2;
  sizes.num_layers = 2;
  sizes.hidden_scale = 1;
  sizes.card = 16;
  sizes.clip_layers = 1;
  sizes.clip_mlp = 32;
  sizes.clip_width = 192;
  sizes.temporal_layers = 1;
  sizes.codec_dimension = 8;
  sizes.codec_filters = 2;
  sizes.codec_bins = 16;
  return sizes;
}

inline at::Tensor RandomTensor(const std::string& name, at::IntArrayRef shape, double scale = 1) {
  at::Tensor values = at::empty(shape, at::kDouble);
  Random random(1, name);
  for (int64_t i = 0; i < values.numel(); ++i) {
    values.data_ptr<double>()[i] = scale * random.Normal();
  }
  return values;
}

// Compares the gradient of sum(weights * network()) with central differences, in float64, along a
// random direction of each tensor that the network reads: of the parameters whose names begin with
// one of `prefixes`, and of `inputs`.
inline void ExpectGradients(const Parameters& parameters, const std::vector<std::string>& prefixes,
                            const std::vector<at::Tensor>& inputs,
                            const std::function<at::Tensor()>& network, double tolerance = 1e-5) {
  std::vector<Parameters::Entry> checked;
  for (const Parameters::Entry& entry : parameters.entries()) {
    for (const std::string& prefix : prefixes) {
      if (entry.name.rfind(prefix, 0) == 0) checked.push_back(entry);
    }
  }
  for (const at::Tensor& input : inputs) checked.push_back({"the input", input});
  ASSERT_FALSE(checked.empty());
  for (const Parameters::Entry& entry : checked) {
    entry.tensor.set_requires_grad(true);
    entry.tensor.mutable_grad() = at::Tensor();
  }
  at::Tensor weights;
  const auto objective = [&] {
    const at::Tensor output = network();
    if (!weights.defined()) weights = RandomTensor("weights", output.sizes());
    return (output * weights).sum();
  };
  objective().backward();
  c10::NoGradGuard no_grad;
  for (const Parameters::Entry& entry : checked) {
    ASSERT_TRUE(entry.tensor.grad().defined()) << entry.name;
    constexpr double kStep = 1e-5;
    const at::Tensor direction = RandomTensor("direction of " + entry.name, entry.tensor.sizes());
    const double expected = (entry.tensor.grad() * direction).sum().item<double>();
    entry.tensor.add_(direction, kStep);
    const double above = objective().item<double>();
    entry.tensor.add_(direction, -2 * kStep);
    const double below = objective().item<double>();
    entry.tensor.add_(direction, kStep);
    const double measured = (above - below) / (2 * kStep);
    EXPECT_NEAR(measured, expected, tolerance * (1 + std::abs(expected))) << entry.name;
  }
}

}  // namespace vidmuse::train

#endif  // VIDMUSE_TESTS_UNIT_TRAIN_TRAIN_TEST_UTIL_H_
