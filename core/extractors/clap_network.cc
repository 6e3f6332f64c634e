#include "core/extractors/clap_network.h"

#include <ATen/ATen.h>

#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/extractors/layer_tensors.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse {
namespace {

using at::Tensor;

constexpr int64_t kLines = kClapFrame / 2 + 1;
constexpr int64_t kPatch = 4;
constexpr int64_t kWindow = 8;  // patches on a side, within which tokens attend to each other
constexpr int64_t kShift = kWindow / 2;
constexpr int64_t kOffsets = (2 * kWindow - 1) * (2 * kWindow - 1);  // between two patches
constexpr int64_t kGrid = kClapSide / kPatch;                        // patches on a side
constexpr int64_t kMostBlocks = 1000;
constexpr double kEpsilon = 1e-5;
constexpr double kLeastEnergy = 1e-10;
constexpr float kFar = -100;  // keeps tokens that the shift brought together apart

struct Block {
  int64_t heads = 0;
  bool shifted = false;
  NormLayer norm_1, norm_2;
  LinearLayerTensors in, out, up, down;
  Tensor bias;  // [1 or windows, heads, kWindow^2, kWindow^2], added to the attention's logits
};

// Blocks on one grid of tokens.
struct Stage {
  std::vector<Block> blocks;
  // Merge 2x2 tokens into one of twice the width. Undefined in the last stage.
  NormLayer merge_norm;
  Tensor merge;
};

// Returns the offset between each two patches of a window: [kWindow^4] indices of the bias table.
Tensor Offsets() {
  std::vector<int64_t> offsets;
  constexpr int64_t kTokens = kWindow * kWindow;
  for (int64_t from = 0; from < kTokens; ++from) {
    for (int64_t to = 0; to < kTokens; ++to) {
      const int64_t down = from / kWindow - to / kWindow + kWindow - 1;
      const int64_t right = from % kWindow - to % kWindow + kWindow - 1;
      offsets.push_back(down * (2 * kWindow - 1) + right);
    }
  }
  return at::tensor(offsets);
}

// [N, side, side, C] -> [N * windows, kWindow^2, C]
Tensor IntoWindows(const Tensor& tokens) {
  const int64_t side = tokens.size(1), width = tokens.size(3), count = side / kWindow;
  return tokens.view({-1, count, kWindow, count, kWindow, width})
      .permute({0, 1, 3, 2, 4, 5})
      .reshape({-1, kWindow * kWindow, width});
}

// The inverse.
Tensor FromWindows(const Tensor& windows, int64_t side) {
  const int64_t width = windows.size(2), count = side / kWindow;
  return windows.view({-1, count, count, kWindow, kWindow, width})
      .permute({0, 1, 3, 2, 4, 5})
      .reshape({-1, side, side, width});
}

// Returns [windows, 1, kWindow^2, kWindow^2]: kFar between tokens of a shifted grid that weren't
// neighbours before it was shifted.
Tensor ShiftMask(int64_t side) {
  const Tensor regions = at::zeros({1, side, side, 1});
  const std::array<std::pair<int64_t, int64_t>, 3> parts = {
      {{0, side - kWindow}, {side - kWindow, side - kShift}, {side - kShift, side}}};
  float region = 0;
  for (const auto& [top, bottom] : parts) {
    for (const auto& [left, right] : parts) {
      regions.slice(1, top, bottom).slice(2, left, right).fill_(region++);
    }
  }
  const Tensor windows = IntoWindows(regions).squeeze(2);
  const Tensor differ = windows.unsqueeze(1).ne(windows.unsqueeze(2));
  return (differ.to(at::kFloat) * kFar).unsqueeze(1);
}

absl::StatusOr<Block> ReadBlock(LayerReader& reader, const std::string& name, int64_t width,
                                int64_t side, bool odd) {
  Block block;
  const std::string table = name + ".attn.relative_position_bias_table";
  ASSIGN_OR_RETURN(const std::vector<int64_t> shape, reader.Shape(table, 2));
  block.heads = shape[1];
  if (width % block.heads != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", table, "' has ", block.heads, " heads for a width of ", width));
  }
  ASSIGN_OR_RETURN(const Tensor biases, reader.Read(table, {kOffsets, block.heads}));
  constexpr int64_t kTokens = kWindow * kWindow;
  block.bias = biases.index_select(0, Offsets())
                   .view({kTokens, kTokens, block.heads})
                   .permute({2, 0, 1})
                   .unsqueeze(0)
                   .contiguous();
  block.shifted = odd && side > kWindow;
  if (block.shifted) block.bias = block.bias + ShiftMask(side);
  ASSIGN_OR_RETURN(block.norm_1, reader.Norm(name + ".norm1", width, kEpsilon));
  ASSIGN_OR_RETURN(block.norm_2, reader.Norm(name + ".norm2", width, kEpsilon));
  ASSIGN_OR_RETURN(block.in, reader.Linear(name + ".attn.qkv", 3 * width, width));
  ASSIGN_OR_RETURN(block.out, reader.Linear(name + ".attn.proj", width, width));
  ASSIGN_OR_RETURN(const std::vector<int64_t> hidden, reader.Shape(name + ".mlp.fc1.bias", 1));
  ASSIGN_OR_RETURN(block.up, reader.Linear(name + ".mlp.fc1", hidden[0], width));
  ASSIGN_OR_RETURN(block.down, reader.Linear(name + ".mlp.fc2", width, hidden[0]));
  return block;
}

absl::StatusOr<Stage> ReadStage(LayerReader& reader, const std::string& name, int64_t width,
                                int64_t side) {
  Stage stage;
  for (int64_t i = 0; i < kMostBlocks; ++i) {
    const std::string block = absl::StrCat(name, ".blocks.", i);
    if (i > 0 && !reader.Has(block + ".norm1.weight")) break;
    ASSIGN_OR_RETURN(Block read, ReadBlock(reader, block, width, side, i % 2 == 1));
    stage.blocks.push_back(std::move(read));
  }
  if (!reader.Has(name + ".downsample.norm.weight")) return stage;
  ASSIGN_OR_RETURN(stage.merge_norm, reader.Norm(name + ".downsample.norm", 4 * width, kEpsilon));
  ASSIGN_OR_RETURN(stage.merge,
                   reader.Read(name + ".downsample.reduction.weight", {2 * width, 4 * width}));
  return stage;
}

// `tokens`: [N, side, side, C].
Tensor Attend(const Block& block, const Tensor& tokens) {
  const int64_t side = tokens.size(1), width = tokens.size(3);
  const int64_t shift = block.shifted ? kShift : 0;
  const Tensor windows =
      IntoWindows(shift > 0 ? tokens.roll({-shift, -shift}, {1, 2}) : tokens.contiguous());
  const Tensor parts = block.in(windows)
                           .view({windows.size(0), windows.size(1), 3, block.heads, -1})
                           .permute({2, 0, 3, 1, 4});
  const Tensor bias = block.bias.repeat({windows.size(0) / block.bias.size(0), 1, 1, 1});
  const Tensor attention = at::scaled_dot_product_attention(parts[0], parts[1], parts[2], bias)
                               .transpose(1, 2)
                               .reshape({windows.size(0), windows.size(1), width});
  const Tensor result = FromWindows(block.out(attention), side);
  return shift > 0 ? result.roll({shift, shift}, {1, 2}) : result;
}

// [N, side, side, C] -> [N, side / 2, side / 2, 2 C]
Tensor Merge(const Stage& stage, const Tensor& tokens) {
  std::vector<Tensor> corners;
  for (int64_t column = 0; column < 2; ++column) {
    for (int64_t row = 0; row < 2; ++row) {
      corners.push_back(tokens.slice(1, row, std::nullopt, 2).slice(2, column, std::nullopt, 2));
    }
  }
  return at::linear(stage.merge_norm(at::cat(corners, /*dim=*/3)), stage.merge);
}

}  // namespace

struct ClapNetwork::Tensors {
  Tensor mel;                    // [kLines, kClapBins]
  Tensor bin_scale, bin_offset;  // [kClapBins], batch normalisation
  Tensor patches, patches_bias;  // [width, 1, kPatch, kPatch]
  NormLayer first_norm, last_norm;
  std::vector<Stage> stages;
  LinearLayerTensors project_1, project_2;
};

ClapNetwork::ClapNetwork() : t_(std::make_unique<Tensors>()) {}

ClapNetwork::~ClapNetwork() = default;

absl::StatusOr<std::unique_ptr<const ClapNetwork>> ClapNetwork::Load(WeightReader& weights) {
  std::unique_ptr<ClapNetwork> network(new ClapNetwork());
  RETURN_IF_ERROR(RunTorch([&] { return network->ReadTensors(weights); }));
  return network;
}

absl::Status ClapNetwork::ReadTensors(WeightReader& weights) {
  LayerReader reader(weights);
  const std::string branch = "audio_branch.";
  ASSIGN_OR_RETURN(t_->mel, reader.Read(branch + "logmel_extractor.melW", {kLines, kClapBins}));
  ASSIGN_OR_RETURN(const NormLayer scale, reader.Norm(branch + "bn0", kClapBins, kEpsilon));
  ASSIGN_OR_RETURN(const Tensor mean, reader.Read(branch + "bn0.running_mean", {kClapBins}));
  ASSIGN_OR_RETURN(const Tensor variance, reader.Read(branch + "bn0.running_var", {kClapBins}));
  t_->bin_scale = scale.weight / (variance + kEpsilon).sqrt();
  t_->bin_offset = scale.bias - mean * t_->bin_scale;
  const std::string patches = branch + "patch_embed.proj.weight";
  ASSIGN_OR_RETURN(const std::vector<int64_t> shape, reader.Shape(patches, 4));
  int64_t width = shape[0];
  ASSIGN_OR_RETURN(t_->patches, reader.Read(patches, {width, 1, kPatch, kPatch}));
  ASSIGN_OR_RETURN(t_->patches_bias, reader.Read(branch + "patch_embed.proj.bias", {width}));
  ASSIGN_OR_RETURN(t_->first_norm, reader.Norm(branch + "patch_embed.norm", width, kEpsilon));
  for (int64_t side = kGrid; side >= kWindow; side /= 2, width *= 2) {
    const std::string name = absl::StrCat(branch, "layers.", t_->stages.size());
    ASSIGN_OR_RETURN(Stage stage, ReadStage(reader, name, width, side));
    t_->stages.push_back(std::move(stage));
    if (!t_->stages.back().merge.defined()) break;
  }
  if (t_->stages.back().merge.defined()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", branch, "layers' has more than ", t_->stages.size(), " layers"));
  }
  ASSIGN_OR_RETURN(t_->last_norm, reader.Norm(branch + "norm", width, kEpsilon));
  ASSIGN_OR_RETURN(const std::vector<int64_t> joint, reader.Shape("audio_projection.0.bias", 1));
  columns_ = joint[0];
  ASSIGN_OR_RETURN(t_->project_1, reader.Linear("audio_projection.0", columns_, width));
  ASSIGN_OR_RETURN(t_->project_2, reader.Linear("audio_projection.2", columns_, columns_));
  return absl::OkStatus();
}

Tensor ClapNetwork::Spectrogram(const Tensor& windows) const {
  const Tensor padded = at::reflection_pad1d(windows, {kClapFrame / 2, kClapFrame / 2});
  const Tensor frames = padded.unfold(1, kClapFrame, kClapStep) * at::hann_window(kClapFrame);
  const Tensor energies = at::matmul(at::fft_rfft(frames).abs().square_(), t_->mel);
  const Tensor decibels = energies.clamp_min_(kLeastEnergy).log10_().mul_(10);
  return decibels * t_->bin_scale + t_->bin_offset;
}

Tensor ClapNetwork::Embed(const Tensor& windows) const {
  // Stretched in time, cut into four, and stacked to a square: [N, 1, kClapSide, kClapSide].
  constexpr int64_t kPieces = kClapSide / kClapBins;
  const Tensor stretched =
      at::upsample_bicubic2d(Spectrogram(windows).unsqueeze(1), {kClapSide * kPieces, kClapBins},
                             /*align_corners=*/true);
  const Tensor image = stretched.view({-1, 1, kPieces, kClapSide, kClapBins})
                           .transpose(3, 4)
                           .reshape({-1, 1, kClapSide, kClapSide});
  Tensor tokens = at::conv2d(image, t_->patches, t_->patches_bias, kPatch);
  tokens = t_->first_norm(tokens.permute({0, 2, 3, 1}));
  for (const Stage& stage : t_->stages) {
    for (const Block& block : stage.blocks) {
      tokens = tokens + Attend(block, block.norm_1(tokens));
      tokens = tokens + block.down(at::gelu(block.up(block.norm_2(tokens))));
    }
    if (stage.merge.defined()) tokens = Merge(stage, tokens);
  }
  const Tensor vectors = t_->last_norm(tokens).mean({1, 2});
  return UnitLength(t_->project_2(at::relu(t_->project_1(vectors))));
}

}  // namespace vidmuse
