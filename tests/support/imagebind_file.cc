#include "tests/support/imagebind_file.h"

#include <cmath>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/architecture/tensors.h"
#include "core/model/checkpoint/torch_file_writer.h"
#include "core/model/synthetic/hash_values.h"

namespace vidmuse {
namespace {

void AddBlock(const std::string& name, int64_t width, bool extra, TensorList& list) {
  list.Add(NamedShape{name + ".attn.in_proj_weight", {3 * width, width}});
  list.Add(NamedShape{name + ".attn.in_proj_bias", {3 * width}, TensorRole::kBias});
  if (extra) {
    list.Add(NamedShape{name + ".attn.bias_k", {1, 1, width}, TensorRole::kPosition});
    list.Add(NamedShape{name + ".attn.bias_v", {1, 1, width}, TensorRole::kPosition});
  }
  list.Add(LinearLayer(name + ".attn.out_proj", width, width));
  list.Add(LayerNorm(name + ".norm_1", width));
  list.Add(LinearLayer(name + ".mlp.fc1", 4 * width, width));
  list.Add(LinearLayer(name + ".mlp.fc2", width, 4 * width));
  list.Add(LayerNorm(name + ".norm_2", width));
}

void AddTower(const std::string& modality, int64_t width, int blocks, int64_t columns,
              TensorList& list) {
  const bool sound = modality == "audio";
  const std::string stem = absl::StrCat("modality_preprocessors.", modality, ".");
  const std::string trunk = absl::StrCat("modality_trunks.", modality, ".");
  const std::string head = absl::StrCat("modality_heads.", modality, ".");
  list.Add(NamedShape{stem + "cls_token", {1, 1, width}, TensorRole::kPosition});
  list.Add(NamedShape{stem + "pos_embedding_helper.pos_embed",
                      {1, sound ? 229 : 257, width},
                      TensorRole::kPosition});
  if (sound) {
    list.Add(NamedShape{stem + "rgbt_stem.proj.weight", {width, 1, 16, 16}});
    list.Add(LayerNorm(stem + "rgbt_stem.norm_layer", width));
  } else {
    list.Add(NamedShape{stem + "rgbt_stem.proj.1.weight", {width, 3, 2, 14, 14}});
    list.Add(LayerNorm(trunk + "pre_transformer_layer.0", width));
  }
  for (int i = 0; i < blocks; ++i) AddBlock(absl::StrCat(trunk, "blocks.", i), width, sound, list);
  list.Add(LayerNorm(head + "0", width));
  list.Add(NamedShape{head + "2.weight", {columns, width}});
}

}  // namespace

absl::Status WriteImageBind(const ImageBindSizes& sizes, const std::string& path) {
  TensorList list;
  AddTower("vision", sizes.picture_width, sizes.picture_blocks, sizes.columns, list);
  AddTower("audio", sizes.sound_width, sizes.sound_blocks, sizes.columns, list);
  ASSIGN_OR_RETURN(const std::unique_ptr<TorchFileWriter> writer, TorchFileWriter::Create(path));
  for (const NamedShape& tensor : list.Take()) {
    std::vector<char> bytes(static_cast<size_t>(tensor.elements() * DTypeSize(HashType(tensor))));
    FillHashValues("imagebind", tensor, bytes.data());
    RETURN_IF_ERROR(writer->AddTensor(tensor.name, {HashType(tensor), tensor.shape, bytes.data()}));
  }
  const float scale = std::log(20.0f);
  RETURN_IF_ERROR(writer->AddTensor("modality_postprocessors.audio.1.log_logit_scale",
                                    {DType::kFloat32, {}, &scale}));
  return writer->Finish();
}

}  // namespace vidmuse
