// VidMuse's token model in plain ATen on a device, with its KV cache in slots and a decoding step
// of static shape. at::Tensor is only declared, so this header needs no Torch.
#ifndef VIDMUSE_MODEL_GPU_TOKEN_MODEL_H_
#define VIDMUSE_MODEL_GPU_TOKEN_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/cancel.h"
#include "core/model/architecture/model_config.h"
#include "core/model/architecture/token_model_tensors.h"
#include "core/model/gpu/kernels/token_step.h"
#include "core/model/gpu/sampler.h"
#include "core/model/torch/device_tensors.h"

namespace vidmuse::gpu {

struct TokenModelOptions {
  int slots = 8;  // number of windows at the same time
  // A window's largest numbers of steps and condition tokens. As shapes are static, the device
  // reads all of them at every step, even those that aren't in use.
  int steps = 1504;
  int condition_tokens = 3000;
  DevicePrecision precision = DevicePrecision::kFp16;
};

// Attention splits each row's keys into parts of this many, and combines the parts afterwards. So a
// few rows keep many of a GPU's processors busy, and the order of sums doesn't depend on the
// bucket.
inline constexpr int kSplit = 256;

// A step's input for one slot. All of it is doubles, which represent its integers exactly, so that
// one copy brings it to the device.
struct SlotInput {
  explicit SlotInput(double* row, int codebooks) : row_(row), codebooks_(codebooks) {}
  static int Columns(int codebooks) { return kSamplingColumns + 3 + 2 * codebooks; }

  double& option(SamplingColumn column) { return row_[column]; }
  // Position where the step's keys and values are written.
  double& write_position() { return row_[kSamplingColumns]; }
  // Number of sequence steps to attend to, >= 1.
  double& length() { return row_[kSamplingColumns + 1]; }
  double& condition_tokens() { return row_[kSamplingColumns + 2]; }  // >= 1
  double& token(int codebook) { return row_[kSamplingColumns + 3 + codebook]; }
  double& uniform(int codebook) { return row_[kSamplingColumns + 3 + codebooks_ + codebook]; }

 private:
  double* const row_;
  const int codebooks_;
};

// Bytes that one step reads, as sums of the tensors' sizes.
struct TokenModelBytes {
  // Weights of all linear layers, including the heads.
  size_t weights = 0;
  // Self-attention keys and values of one slot's two rows, including unused room.
  size_t slot_self = 0;
  // Cross-attention keys and values of one slot's condition, including unused room.
  size_t slot_condition = 0;
  // Keys and values of the null condition, which all slots share.
  size_t null_condition = 0;
  // Weights that a step doesn't read, or not as a whole: embeddings and cross_kv.
  size_t unread = 0;
};

// Each slot has two rows, conditional and null. Linear layers always compute the rows of all slots;
// attention covers the first slots, as many as the bucket has.
//
// A row's numbers depend on its own slot alone, bit for bit, provided that the library's matrix
// products of one fixed shape compute each row independently of the others and of its place. See
// GpuMusicModel for what is promised.
class TokenModel {
 public:
  // `positions`: [options.steps][dim], from SinusoidalPositions. `null_condition`: [50][dim].
  // Errors name the tensor. RESOURCE_EXHAUSTED: the host or the device is out of memory.
  static absl::StatusOr<std::unique_ptr<TokenModel>> Load(const LmConfig& config,
                                                          DeviceReader& reader,
                                                          std::vector<float> positions,
                                                          std::vector<float> null_condition,
                                                          const TokenModelOptions& options);
  ~TokenModel();

  const LmConfig& config() const { return config_; }
  const TokenModelOptions& options() const { return options_; }
  TokenModelBytes bytes() const;

  // Predicts the device memory of everything except slots, before the weights are loaded.
  static size_t WeightBytes(const LmConfig& config, const TokenModelOptions& options);
  // Predicts the device memory that all slots take, before they are allocated.
  static size_t SlotBytes(const LmConfig& config, const TokenModelOptions& options);

  // The methods below must be called inside RunTorch. They use the caller's stream and throw what
  // Torch throws.

  // Projects a condition's `rows`, [tokens][dim] on the host, to keys and values in a slot, and
  // sets the rest of the slot to zero. Thread-safe for different slots. CANCELLED: `cancel` was
  // set, which is checked between layers.
  absl::Status FillSlot(int slot, const float* rows, int tokens, const CancelFlag& cancel);

  // Fills an input row with which a step leaves the slot unchanged, even while the slot is being
  // filled: the step reads the slot's first keys and writes outside of all slots.
  void FillIdle(double* row) const;

  // Runs one step of slots [0, bucket), from `inputs` to `tokens` and `logits`, all on the device.
  // It uses the network's own memory alone and never waits for the device, so it can be recorded.
  void Step(int bucket);

  // A slot's self-attention keys (`part` 0) or values (`part` 1) in a layer, [2 rows * heads *
  // room][head_dim].
  at::Tensor SlotSelf(int layer, int part, int slot) const;

  // Describes the weights and caches to the kernels. `layers` is what the result points to.
  // Memory that a step only uses within itself is left out. See KernelsFit.
  TokenStep DescribeStep(std::vector<TokenStepLayer>* layers) const;

  at::Tensor& inputs();  // double [slots][SlotInput::Columns]
  at::Tensor& tokens();  // int32 [slots][codebooks], drawn; -1: a logit isn't finite
  at::Tensor& logits();  // float [slots][codebooks][card], guided

 private:
  struct Norm;
  struct Layer;
  struct Tensors;

  TokenModel(const LmConfig& config, const TokenModelOptions& options);
  absl::Status LoadWeights(DeviceReader& reader);
  static absl::StatusOr<Norm> LoadNorm(const NormTensors& source, DeviceReader& reader);
  absl::StatusOr<Layer> LoadLayer(const TokenLayerTensors& source, DeviceReader& reader) const;
  void Allocate(const std::string& device, std::vector<float> positions);
  std::vector<at::Tensor> ProjectCondition(const Layer& layer, const at::Tensor& rows) const;
  void ProjectNull(std::vector<float> null_condition, const std::string& device);

  at::Tensor Embed() const;
  at::Tensor Mask(int column, int64_t length, int bucket, int rows) const;
  at::Tensor Places(int bucket) const;
  void SelfAttention(int layer, int bucket, const at::Tensor& qkv, const at::Tensor& places,
                     const at::Tensor& mask);
  void CrossAttention(int layer, int bucket, const at::Tensor& q, const at::Tensor& mask);

  const LmConfig config_;
  const TokenModelOptions options_;
  std::unique_ptr<Tensors> t_;
};

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_TOKEN_MODEL_H_
