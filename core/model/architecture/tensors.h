// How a model's tensors are described: by name, shape and role.
#ifndef VIDMUSE_MODEL_ARCHITECTURE_TENSORS_H_
#define VIDMUSE_MODEL_ARCHITECTURE_TENSORS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace vidmuse {

// What a tensor is for. Code that makes up values for a new model needs it.
enum class TensorRole {
  kWeight,          // of a linear layer, a convolution or an LSTM: [out, in, ...]
  kResidualWeight,  // of a linear layer whose result is added to the residual stream
  kHeadWeight,      // of a linear layer that computes logits
  kBias,
  kNormScale,  // of a layer norm
  kTokenEmbedding,
  kPosition,             // a learned position, or the class token
  kGain,                 // the lengths of a weight norm: weight = gain * direction / |direction|
  kDirection,            // of a weight norm: [out, in, kernel]
  kTransposedDirection,  // of a transposed convolution's weight norm: [in, out, kernel]
  kCode,                 // a codebook's vectors
  kCodeSum,              // training's moving sum of the vectors that chose a code
  kCount,                // a counter of training: it is float32 in every file, and starts at 1
};

// A tensor of a published file, without its values.
struct NamedShape {
  std::string name;
  std::vector<int64_t> shape;
  TensorRole role = TensorRole::kWeight;

  int64_t elements() const {
    int64_t count = 1;
    for (const int64_t size : shape) count *= size;
    return count;
  }
};

// y = weight * x + bias, with weight [out, in] and bias [out].
struct LinearTensors {
  NamedShape weight, bias;
};

inline LinearTensors LinearLayer(const std::string& name, int64_t out, int64_t in,
                                 TensorRole role = TensorRole::kWeight) {
  return {{name + ".weight", {out, in}, role}, {name + ".bias", {out}, TensorRole::kBias}};
}

// Added to the variance in every layer norm.
inline constexpr double kNormEpsilon = 1e-5;

// A layer norm, with weight and bias [width].
struct NormTensors {
  NamedShape weight, bias;
};

inline NormTensors LayerNorm(const std::string& name, int64_t width) {
  return {{name + ".weight", {width}, TensorRole::kNormScale},
          {name + ".bias", {width}, TensorRole::kBias}};
}

// Collects tensors in the order of a file.
class TensorList {
 public:
  void Add(const NamedShape& tensor) { list_.push_back(tensor); }
  void Add(const LinearTensors& linear) {
    Add(linear.weight);
    Add(linear.bias);
  }
  void Add(const NormTensors& norm) {
    Add(norm.weight);
    Add(norm.bias);
  }
  std::vector<NamedShape> Take() { return std::move(list_); }

 private:
  std::vector<NamedShape> list_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_ARCHITECTURE_TENSORS_H_
