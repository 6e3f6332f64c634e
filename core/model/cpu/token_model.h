// VidMuse's token model on a CPU: one decoding step for many sequences at once.
#ifndef VIDMUSE_MODEL_CPU_TOKEN_MODEL_H_
#define VIDMUSE_MODEL_CPU_TOKEN_MODEL_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/model/architecture/model_config.h"
#include "core/model/architecture/token_model_tensors.h"
#include "core/model/checkpoint/weight_reader.h"
#include "core/model/cpu/kernels/kernels.h"
#include "core/model/cpu/kernels/packed_linear.h"
#include "core/model/cpu/kv/kv_cache.h"
#include "core/model/cpu/thread_team.h"

namespace vidmuse::cpu {

// One sequence's part of a step: `count` successive steps of a conditional or null sequence.
struct SequenceInput {
  const int32_t* tokens = nullptr;  // [count][codebooks]
  int count = 0;
  int position = 0;         // of the first step
  KvCache* self = nullptr;  // receives the steps' keys and values
  const KvCache* cross = nullptr;
  int cross_length = 0;     // condition tokens
  float* logits = nullptr;  // output: [codebooks * card] of the last step, or null
};

// Weights are immutable after Load. Step uses buffers of the model, so only one thread may call it
// at a time.
class TokenModel {
 public:
  // `position_embedding` is [max_positions][dim], where max_positions is the number of steps of the
  // longest window. `precision` is that of the linear layers; SelfFormat and CrossFormat derive the
  // formats of keys and values from it. `threads` is the number of threads that load. If memory
  // runs out, Load returns RESOURCE_EXHAUSTED or throws std::bad_alloc.
  static absl::StatusOr<std::unique_ptr<TokenModel>> Load(
      const LmConfig& config, WeightReader& weights, std::vector<float> position_embedding,
      const Kernels& kernels, Precision precision = Precision::kFp32, int threads = 1);

  const LmConfig& config() const { return config_; }
  int head_dim() const { return config_.dim / config_.num_heads; }
  int max_positions() const { return max_positions_; }
  // Bytes of weights that one step reads.
  size_t step_weight_bytes() const;

  // KV caches for a sequence's own steps and for condition tokens. Thread-safe. They throw
  // std::bad_alloc.
  std::unique_ptr<KvCache> NewSelfCache(int steps) const {
    return NewCache(SelfFormat(precision_), steps);
  }
  std::unique_ptr<KvCache> NewCrossCache(int tokens) const {
    return NewCache(CrossFormat(precision_), tokens);
  }
  KvFormat cross_format() const { return CrossFormat(precision_); }
  size_t SelfCacheBytes(int steps) const { return CacheBytes(SelfFormat(precision_), steps); }
  size_t CrossCacheBytes(int tokens) const { return CacheBytes(CrossFormat(precision_), tokens); }

  // Fits one layer's factors of keys in `cache` to some rows of a condition, [count][dim].
  // Thread-safe for different layers. The cache is `fitted` once all layers are.
  void FitKeys(int layer, const float* rows, int count, KvCache* cache) const;

  // Computes keys and values of one layer for condition tokens [position, position + count) and
  // stores them in `cache`. `rows` is [count][dim], and `position` is a multiple of kTile.
  // Thread-safe for different layers or positions.
  void ProjectCondition(int layer, const float* rows, int count, int position,
                        KvCache* cache) const;

  // Runs the steps of all sequences together. Each sequence gets the same result as if it ran
  // alone.
  void Step(absl::Span<const SequenceInput> sequences, ThreadTeam& team);

 private:
  struct Norm {
    std::vector<float> weight, bias;
  };
  struct Layer {
    Norm norm1, norm_cross, norm2;
    PackedLinear self_qkv, self_out, cross_q, cross_kv, cross_out, linear1, linear2;
  };
  struct Member {                  // scratch of one thread
    std::vector<float> normed;     // [rows][dim]
    std::vector<float> attention;  // AttentionScratch
    std::vector<float> queries;    // [rows][head_dim]: divided by the factors of keys
    std::vector<float> linear;     // LinearScratch
  };
  struct Row {
    int sequence;
    int position;
  };
  // Sequences [begin, end) with the same keys and values, which are read once for up to four rows.
  struct Readers {
    int begin;
    int end;
  };

  TokenModel(const LmConfig& config, const Kernels& kernels, Precision precision)
      : config_(config), kernels_(kernels), precision_(precision) {}
  std::unique_ptr<KvCache> NewCache(KvFormat format, int positions) const;
  size_t CacheBytes(KvFormat format, int positions) const;
  static absl::StatusOr<Norm> LoadNorm(const NormTensors& source, WeightReader& weights);
  // The precision of what a step reads little of, or not at all: heads, and the condition's keys
  // and values.
  Precision SidePrecision() const {
    return precision_ == Precision::kInt4 ? Precision::kInt8 : precision_;
  }
  // The scratch of any of the model's linear layers.
  int64_t Scratch(int64_t rows, int64_t k) const;
  // Bytes of one layer's packed weights.
  size_t LayerBytes() const;
  absl::StatusOr<Layer> LoadLayer(int index, const TokenLayerTensors& source,
                                  WeightReader& weights);
  absl::Status LoadLayers(const TokenModelTensors& source, WeightReader& weights, int threads);
  absl::Status LoadHeads(const TokenModelTensors& source, WeightReader& weights);

  void Prepare(absl::Span<const SequenceInput> sequences, int threads);
  void Embed(absl::Span<const SequenceInput> sequences, int row_begin, int row_end);
  void RunMember(absl::Span<const SequenceInput> sequences, ThreadTeam& team, int index);
  void NormRows(const Norm& norm, Member& member);
  void Attention(absl::Span<const SequenceInput> sequences, int layer, bool cross, ThreadTeam& team,
                 int index);
  void WriteSelf(absl::Span<const SequenceInput> sequences, int layer, int item);
  void Attend(absl::Span<const SequenceInput> sequences, int layer, bool cross, int item,
              Member& member);
  const std::vector<Readers>& readers(bool cross) const {
    return cross ? cross_readers_ : self_readers_;
  }
  void Logits(absl::Span<const SequenceInput> sequences, int begin, int end, Member& member);

  const LmConfig config_;
  const Kernels& kernels_;
  const Precision precision_;
  const std::shared_ptr<KvMemory> kv_memory_ = std::make_shared<KvMemory>();
  int max_positions_ = 0;
  std::vector<float> position_embedding_;      // [max_positions][dim]
  std::vector<std::vector<float>> embedding_;  // [codebooks][(card + 1) * dim]
  // Weights of the layers, then of the heads: one buffer, so that they share huge pages.
  AlignedBuffer arena_;
  std::vector<Layer> layers_;
  Norm out_norm_;
  PackedLinear heads_;  // all codebooks' outputs, one after the other

  // State of the current step.
  std::vector<Row> rows_;
  std::vector<int> first_row_;  // of each sequence
  std::vector<int> lengths_;    // of each row, for causal attention
  std::vector<int> cross_lengths_;
  std::vector<Readers> self_readers_, cross_readers_;
  std::vector<float> x_;          // [rows][dim]
  std::vector<float> qkv_;        // [rows][3 dim]
  std::vector<float> q_;          // [rows][dim]
  std::vector<float> attention_;  // [rows][dim]
  std::vector<float> hidden_;     // [rows][ffn]
  std::vector<float> logits_;     // [sequences][codebooks * card]
  std::vector<Member> members_;
};

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_TOKEN_MODEL_H_
