#include "absl/strings/str_cat.h"
#include "core/model/architecture/tensor_table.h"

namespace vidmuse {
namespace {

constexpr int kTokens = 50;     // per frame
constexpr int kHeadWidth = 64;  // of the temporal transformers
constexpr int kCodebooks = 4;
// Width of T5. Its projection is left over in the published files.
constexpr int kText = 768;

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
  const int width = sizes.clip_width;
  const int mlp = width * sizes.hidden_scale;
  tensors->Add(branch + "_pos_embedding", {1, kTokens, width});
  const std::string name = branch + "_temporal_transformer";
  for (int layer = 0; layer < sizes.temporal_layers; ++layer) {
    const std::string at = absl::StrCat(name, ".layers.", layer);
    tensors->Norm(at + ".0.norm", width);
    tensors->Add(at + ".0.fn.to_qkv.weight", {3 * inner, width});
    tensors->Linear(at + ".0.fn.to_out.0", width, inner);
    tensors->Norm(at + ".1.norm", width);
    tensors->Linear(at + ".1.fn.net.0", mlp, width);
    tensors->Linear(at + ".1.fn.net.3", width, mlp);
  }
  tensors->Norm(name + ".norm", width);
}

void AddClip(const HashModelSizes& sizes, Tensors* tensors) {
  const int width = sizes.clip_width;
  const std::string tower = "visual_encoder_model.vision_model.";
  tensors->Add(tower + "embeddings.class_embedding", {width});
  tensors->Add(tower + "embeddings.patch_embedding.weight", {width, 3, 32, 32});
  tensors->Add(tower + "embeddings.position_embedding.weight", {kTokens, width});
  tensors->Norm(tower + "pre_layrnorm", width);
  for (int layer = 0; layer < sizes.clip_layers; ++layer) {
    const std::string at = absl::StrCat(tower, "encoder.layers.", layer);
    for (const char* projection : {"k_proj", "v_proj", "q_proj", "out_proj"}) {
      tensors->Linear(absl::StrCat(at, ".self_attn.", projection), width, width);
    }
    tensors->Norm(at + ".layer_norm1", width);
    tensors->Linear(at + ".mlp.fc1", sizes.clip_mlp, width);
    tensors->Linear(at + ".mlp.fc2", width, sizes.clip_mlp);
    tensors->Norm(at + ".layer_norm2", width);
  }
  tensors->Norm(tower + "post_layernorm", width);
  tensors->Add("visual_encoder_model.visual_projection.weight", {512, width});
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
  const int width = sizes.clip_width;
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
    tensors.Linear(cross + part, width, width);
  }
  tensors.Norm(cross + "norm1", width);
  tensors.Norm(cross + "norm2", width);
  tensors.Linear("visual_feature_proj", sizes.dim, width);
  return tensors.Take();
}

}  // namespace vidmuse
