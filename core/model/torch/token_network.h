// VidMuse's token model as plain ATen on a device: keys and values in slots, and one decoding step
// of static shape. Tensors are declared alone: no Torch in this header.
#ifndef VIDMUSE_MODEL_TORCH_TOKEN_NETWORK_H_
#define VIDMUSE_MODEL_TORCH_TOKEN_NETWORK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/cancel.h"
#include "core/model/checkpoint/model_config.h"
#include "core/model/torch/device_tensors.h"
#include "core/model/torch/token_sampler.h"

namespace vidmuse {

struct TokenNetworkOptions {
  int slots = 8;  // windows at once
  // Of a window, at most. The device reads all of them at every step, whatever is in use: shapes
  // are static.
  int steps = 1504;
  int condition_tokens = 3000;
  DevicePrecision precision = DevicePrecision::kFp16;
};

// Keys that one row of attention goes over at once; the parts are put together afterwards. A GPU so
// has work for many processors where there are few rows, and sums are taken in one order whatever
// the bucket.
inline constexpr int kSplit = 256;

// What a step is told of one slot, as doubles: it crosses to the device in one copy. Integers are
// exact in it.
struct SlotInput {
  explicit SlotInput(double* row, int codebooks) : row_(row), codebooks_(codebooks) {}
  static int Columns(int codebooks) { return kSamplingColumns + 3 + 2 * codebooks; }

  double& option(SamplingColumn column) { return row_[column]; }
  double& write_position() { return row_[kSamplingColumns]; }  // of the step's keys and values
  double& length() { return row_[kSamplingColumns + 1]; }      // sequence steps to attend to, >= 1
  double& condition_tokens() { return row_[kSamplingColumns + 2]; }  // >= 1
  double& token(int codebook) { return row_[kSamplingColumns + 3 + codebook]; }
  double& uniform(int codebook) { return row_[kSamplingColumns + 3 + codebooks_ + codebook]; }

 private:
  double* const row_;
  const int codebooks_;
};

// Bytes that one step reads, counted on the tensors themselves.
struct TokenNetworkBytes {
  size_t weights = 0;    // of every linear layer, the heads included
  size_t slot_self = 0;  // a slot's keys and values of both rows, room that isn't used included
  size_t slot_condition = 0;  // likewise, of its condition
  size_t null_condition = 0;  // shared by all
  size_t unread = 0;          // held, but not read as a whole by a step: embeddings, cross_kv
};

// Rows: two a slot, conditional and null, always for all slots in linear layers; attention goes
// over the first slots of a bucket.
//
// A row's numbers depend on its own slot alone, bit for bit, as far as the library's products of
// one fixed shape keep rows apart, in whichever place they are. See TorchMusicModel for what is
// promised.
class TokenNetwork {
 public:
  // `positions`: [options.steps][dim], SinusoidalPositions'. `null_condition`: [50][dim]. Errors
  // name the tensor. RESOURCE_EXHAUSTED: out of memory, of the host or of the device.
  static absl::StatusOr<std::unique_ptr<TokenNetwork>> Load(const LmConfig& config,
                                                            DeviceReader& reader,
                                                            std::vector<float> positions,
                                                            std::vector<float> null_condition,
                                                            const TokenNetworkOptions& options);
  ~TokenNetwork();

  const LmConfig& config() const { return config_; }
  const TokenNetworkOptions& options() const { return options_; }
  TokenNetworkBytes bytes() const;

  // Device memory that the weights take, before they are loaded: everything beside slots.
  static size_t WeightBytes(const LmConfig& config, const TokenNetworkOptions& options);
  // Device memory that slots of this kind take, before there are any.
  static size_t SlotBytes(const LmConfig& config, const TokenNetworkOptions& options);

  // The rest is called inside RunTorch, on the caller's stream, and throws what Torch throws.

  // Keys and values of a condition, [tokens][dim] on the host, into a slot; the rest of the slot
  // becomes zeros. Thread-safe for different slots. CANCELLED between two layers.
  absl::Status FillSlot(int slot, const float* rows, int tokens, const CancelFlag& cancel);

  // Row of an input that leaves a slot as it is, while it is filled too: it reads the slot's first
  // keys, and writes outside of all slots.
  void FillIdle(double* row) const;

  // One step of slots [0, bucket), from `inputs` to `tokens` and `logits`, all on the device.
  // Touches memory of the network alone, and never waits for the device, so that it can be
  // recorded.
  void Step(int bucket);

  // A slot's keys (0) or values (1) of its own steps in a layer, [2 rows * room][dim].
  at::Tensor SlotSelf(int layer, int part, int slot) const;

  at::Tensor& inputs();  // double [slots][SlotInput::Columns]
  at::Tensor& tokens();  // int32 [slots][codebooks], drawn; -1: the logits aren't finite
  at::Tensor& logits();  // float [slots][codebooks][card], guided

 private:
  struct Norm;
  struct Layer;
  struct Tensors;

  TokenNetwork(const LmConfig& config, const TokenNetworkOptions& options);
  absl::Status LoadWeights(DeviceReader& reader);
  absl::StatusOr<Layer> LoadLayer(int index, DeviceReader& reader);
  void Allocate(const std::string& device, std::vector<float> positions);
  void ProjectNull(std::vector<float> null_condition, const std::string& device);

  at::Tensor Embed() const;
  at::Tensor Mask(int column, int64_t length, int bucket, int rows) const;
  at::Tensor Places(int bucket) const;
  void SelfAttention(int layer, int bucket, const at::Tensor& qkv, const at::Tensor& places,
                     const at::Tensor& mask);
  void CrossAttention(int layer, int bucket, const at::Tensor& q, const at::Tensor& mask);

  const LmConfig config_;
  const TokenNetworkOptions options_;
  std::unique_ptr<Tensors> t_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_TORCH_TOKEN_NETWORK_H_
