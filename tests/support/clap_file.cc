#include "tests/support/clap_file.h"

#include <cstddef>
#include <memory>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/architecture/tensors.h"
#include "core/model/checkpoint/half.h"
#include "core/model/checkpoint/torch_file_writer.h"
#include "core/model/synthetic/hash_values.h"

namespace vidmuse {
namespace {

constexpr char kModule[] = "module.";

void AddBlock(const std::string& name, int64_t width, int64_t heads, TensorList& list) {
  list.Add(LayerNorm(name + ".norm1", width));
  list.Add(
      NamedShape{name + ".attn.relative_position_bias_table", {225, heads}, TensorRole::kPosition});
  list.Add(LinearLayer(name + ".attn.qkv", 3 * width, width));
  list.Add(LinearLayer(name + ".attn.proj", width, width));
  list.Add(LayerNorm(name + ".norm2", width));
  list.Add(LinearLayer(name + ".mlp.fc1", 4 * width, width));
  list.Add(LinearLayer(name + ".mlp.fc2", width, 4 * width));
}

std::vector<NamedShape> Tensors(const ClapSizes& sizes) {
  TensorList list;
  const std::string branch = absl::StrCat(kModule, "audio_branch.");
  list.Add(LayerNorm(branch + "bn0", 64));
  list.Add(NamedShape{branch + "bn0.running_mean", {64}, TensorRole::kBias});
  list.Add(NamedShape{branch + "bn0.running_var", {64}, TensorRole::kNormScale});
  list.Add(NamedShape{branch + "patch_embed.proj.weight", {sizes.width, 1, 4, 4}});
  list.Add(NamedShape{branch + "patch_embed.proj.bias", {sizes.width}, TensorRole::kBias});
  list.Add(LayerNorm(branch + "patch_embed.norm", sizes.width));
  int64_t width = sizes.width;
  for (size_t layer = 0; layer < sizes.depths.size(); ++layer) {
    const std::string name = absl::StrCat(branch, "layers.", layer);
    for (int i = 0; i < sizes.depths[layer]; ++i) {
      AddBlock(absl::StrCat(name, ".blocks.", i), width, sizes.heads[layer], list);
    }
    if (layer + 1 == sizes.depths.size()) break;
    list.Add(LayerNorm(name + ".downsample.norm", 4 * width));
    list.Add(NamedShape{name + ".downsample.reduction.weight", {2 * width, 4 * width}});
    width *= 2;
  }
  list.Add(LayerNorm(branch + "norm", width));
  const std::string projection = absl::StrCat(kModule, "audio_projection.");
  list.Add(LinearLayer(projection + "0", sizes.columns, width));
  list.Add(LinearLayer(projection + "2", sizes.columns, sizes.columns));
  return list.Take();
}

// Weights of energies, in [0, 0.02).
absl::Status AddMelFilters(TorchFileWriter& writer) {
  const std::string name = absl::StrCat(kModule, "audio_branch.logmel_extractor.melW");
  const std::vector<int64_t> shape = {513, 64};
  const uint64_t key = Fnv1a64(absl::StrCat("clap:", name));
  std::vector<uint16_t> halves;
  for (uint64_t i = 0; i < 513 * 64; ++i) {
    halves.push_back(FloatToHalf(0.01f + 0.01f * (HashUniform(key, i) * 2.0f - 1.0f)));
  }
  return writer.AddTensor(absl::StrCat("state_dict/", name),
                          {DType::kFloat16, shape, halves.data()});
}

}  // namespace

absl::Status WriteClap(const ClapSizes& sizes, const std::string& path) {
  ASSIGN_OR_RETURN(const std::unique_ptr<TorchFileWriter> writer, TorchFileWriter::Create(path));
  RETURN_IF_ERROR(AddMelFilters(*writer));
  for (const NamedShape& tensor : Tensors(sizes)) {
    std::vector<char> bytes(static_cast<size_t>(tensor.elements() * DTypeSize(HashType(tensor))));
    FillHashValues("clap", tensor, bytes.data());
    RETURN_IF_ERROR(writer->AddTensor(absl::StrCat("state_dict/", tensor.name),
                                      {HashType(tensor), tensor.shape, bytes.data()}));
  }
  return writer->Finish();
}

}  // namespace vidmuse
