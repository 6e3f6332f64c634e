#include "absl/strings/str_cat.h"
#include "core/model/hash_model/layout.h"

namespace vidmuse {
namespace {

constexpr int kClip = 768;      // width of the CLIP tower
constexpr int kTokens = 50;     // of a frame
constexpr int kHeadWidth = 64;  // in the temporal transformers
constexpr int kCodebooks = 4;
constexpr int kText = 768;  // width of T5, whose projection is left over in the published files

class Tensors {
 public:
  void Add(std::string name, std::vector<int64_t> shape) {
    list_.push_back({std::move(name), std::move(shape)});
  }
  void Linear(const std::string& name, int64_t out, int64_t in) {
    Add(name + ".weight", {out, in});
    Add(name + ".bias", {out});
  }
  void Norm(const std::string& name, int64_t width) {
    Add(name + ".weight", {width});
    Add(name + ".bias", {width});
  }
  std::vector<NamedShape> Take() { return std::move(list_); }

 private:
  std::vector<NamedShape> list_;
};

void AddTemporalTransformer(const HashModelSizes& sizes, const std::string& branch,
                            Tensors* tensors) {
  const int inner = sizes.num_heads * kHeadWidth;
  const int mlp = kClip * sizes.hidden_scale;
  tensors->Add(branch + "_pos_embedding", {1, kTokens, kClip});
  const std::string name = branch + "_temporal_transformer";
  for (int layer = 0; layer < 2; ++layer) {
    const std::string at = absl::StrCat(name, ".layers.", layer);
    tensors->Norm(at + ".0.norm", kClip);
    tensors->Add(at + ".0.fn.to_qkv.weight", {3 * inner, kClip});
    tensors->Linear(at + ".0.fn.to_out.0", kClip, inner);
    tensors->Norm(at + ".1.norm", kClip);
    tensors->Linear(at + ".1.fn.net.0", mlp, kClip);
    tensors->Linear(at + ".1.fn.net.3", kClip, mlp);
  }
  tensors->Norm(name + ".norm", kClip);
}

void AddClip(const HashModelSizes& sizes, Tensors* tensors) {
  const std::string tower = "visual_encoder_model.vision_model.";
  tensors->Add(tower + "embeddings.class_embedding", {kClip});
  tensors->Add(tower + "embeddings.patch_embedding.weight", {kClip, 3, 32, 32});
  tensors->Add(tower + "embeddings.position_embedding.weight", {kTokens, kClip});
  tensors->Norm(tower + "pre_layrnorm", kClip);
  for (int layer = 0; layer < sizes.clip_layers; ++layer) {
    const std::string at = absl::StrCat(tower, "encoder.layers.", layer);
    for (const char* projection : {"k_proj", "v_proj", "q_proj", "out_proj"}) {
      tensors->Linear(absl::StrCat(at, ".self_attn.", projection), kClip, kClip);
    }
    tensors->Norm(at + ".layer_norm1", kClip);
    tensors->Linear(at + ".mlp.fc1", sizes.clip_mlp, kClip);
    tensors->Linear(at + ".mlp.fc2", kClip, sizes.clip_mlp);
    tensors->Norm(at + ".layer_norm2", kClip);
  }
  tensors->Norm(tower + "post_layernorm", kClip);
  tensors->Add("visual_encoder_model.visual_projection.weight", {512, kClip});
}

void AddTransformer(const HashModelSizes& sizes, Tensors* tensors) {
  const int dim = sizes.dim;
  const int ffn = dim * sizes.hidden_scale;
  for (int layer = 0; layer < sizes.num_layers; ++layer) {
    const std::string at = absl::StrCat("transformer.layers.", layer);
    for (const char* attention : {".self_attn", ".cross_attention"}) {
      tensors->Add(absl::StrCat(at, attention, ".in_proj_weight"), {3 * dim, dim});
      tensors->Add(absl::StrCat(at, attention, ".out_proj.weight"), {dim, dim});
    }
    tensors->Add(at + ".linear1.weight", {ffn, dim});
    tensors->Add(at + ".linear2.weight", {dim, ffn});
    for (const char* norm : {".norm1", ".norm2", ".norm_cross"}) tensors->Norm(at + norm, dim);
  }
  tensors->Norm("out_norm", dim);
}

}  // namespace

std::vector<NamedShape> LmTensors(const HashModelSizes& sizes) {
  Tensors tensors;
  AddTemporalTransformer(sizes, "local", &tensors);
  AddTemporalTransformer(sizes, "global", &tensors);
  tensors.Linear("condition_provider.conditioners.description.output_proj", sizes.dim, kText);
  for (int k = 0; k < kCodebooks; ++k) {
    tensors.Add(absl::StrCat("emb.", k, ".weight"), {sizes.card + 1, sizes.dim});
    tensors.Add(absl::StrCat("linears.", k, ".weight"), {sizes.card, sizes.dim});
  }
  AddTransformer(sizes, &tensors);
  AddClip(sizes, &tensors);
  const std::string cross = "multi_head_cross_attention.";
  for (const char* part : {"query", "key", "value", "final_linear"}) {
    tensors.Linear(cross + part, kClip, kClip);
  }
  tensors.Norm(cross + "norm1", kClip);
  tensors.Norm(cross + "norm2", kClip);
  tensors.Linear("visual_feature_proj", sizes.dim, kClip);
  return tensors.Take();
}

}  // namespace vidmuse
