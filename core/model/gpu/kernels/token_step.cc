#include "core/model/gpu/kernels/token_step.h"

namespace vidmuse::gpu {
namespace {

// Least number of blocks that still uses nearly all multiprocessors of a large device. Given that,
// fewer and wider blocks are better, because they read x less often.
constexpr int kBlocks = 120;

class StepLaunches {
 public:
  StepLaunches(const TokenStep& step, int requests, Launcher& launcher)
      : step_(step), rows_(2 * requests), launcher_(launcher) {}

  void Layer(const TokenStepLayer& layer) {
    LinearArgs qkv = Args(layer.qkv, step_.dim, 3 * step_.dim, step_.q, Epilogue::kQkv);
    SetNorm(layer.norm1, qkv);
    qkv.steps = step_.inputs;
    qkv.keys = layer.self_keys;
    qkv.values = layer.self_values;
    qkv.layout = step_.self_layout;
    launcher_.Linear(qkv);
    AttentionArgs self = Attention(step_.positions, step_.self_layout);
    self.keys = layer.self_keys;
    self.values = layer.self_values;
    launcher_.Attention(self, rows_);
    Residual(layer.self_out, step_.attention, step_.dim);

    LinearArgs q = Args(layer.cross_q, step_.dim, step_.dim, step_.q, Epilogue::kStore);
    SetNorm(layer.norm_cross, q);
    launcher_.Linear(q);
    AttentionArgs cross = Attention(step_.condition_tokens, step_.condition_layout);
    cross.keys = layer.condition_keys;
    cross.values = layer.condition_values;
    cross.k_scales = layer.k_scales;
    cross.v_scales = layer.v_scales;
    cross.null_keys = layer.null_keys;
    cross.null_values = layer.null_values;
    cross.null_tokens = step_.null_tokens;
    launcher_.Attention(cross, rows_);
    Residual(layer.cross_out, step_.attention, step_.dim);

    LinearArgs up = Args(layer.linear1, step_.dim, step_.ffn, step_.hidden, Epilogue::kGelu);
    SetNorm(layer.norm2, up);
    launcher_.Linear(up);
    Residual(layer.linear2, step_.hidden, step_.ffn);
  }

  void Heads() {
    LinearArgs heads =
        Args(step_.out, step_.dim, step_.codebooks * step_.card, step_.logits, Epilogue::kFloat);
    SetNorm(step_.out_norm, heads);
    launcher_.Linear(heads);
  }

 private:
  LinearArgs Args(const Matrix& matrix, int inputs, int outputs, void* out,
                  Epilogue epilogue) const {
    LinearArgs args;
    args.weights = matrix.weights;
    args.scales = matrix.scales;
    args.out = out;
    args.rows = rows_;
    args.inputs = inputs;
    args.outputs = outputs;
    args.epilogue = epilogue;
    return args;
  }

  void SetNorm(const Norm& norm, LinearArgs& args) const {
    args.x = step_.x;
    args.moments = step_.moments;
    args.norm_weight = norm.weight;
    args.norm_bias = norm.bias;
  }

  void Residual(const Matrix& matrix, const uint16_t* x, int inputs) {
    LinearArgs args = Args(matrix, inputs, step_.dim, step_.x, Epilogue::kResidual);
    args.x = x;
    args.out_moments = step_.moments;
    launcher_.Linear(args);
  }

  AttentionArgs Attention(int positions, const KvLayout& layout) const {
    AttentionArgs args;
    args.steps = step_.inputs;
    args.q = step_.q;
    args.out = step_.attention;
    args.layout = layout;
    args.heads = step_.heads;
    args.positions = positions;
    args.partials = step_.partials;
    args.counters = step_.counters;
    return args;
  }

  const TokenStep& step_;
  const int rows_;
  Launcher& launcher_;
};

}  // namespace

bool KernelsFit(const TokenStep& step) {
  const int multiple = step.format == WeightFormat::kInt8 ? 512 : 256;
  return step.dim == kHeadDim * step.heads && step.dim % multiple == 0 &&
         step.ffn % multiple == 0 && step.dim <= kMaxNormInputs && step.card % 8 == 0 &&
         step.card <= kMaxCard && step.codebooks <= kMaxCodebooks &&
         Pieces(step.positions) <= kMaxPieces && Pieces(step.condition_tokens) <= kMaxPieces &&
         step.null_tokens <= kMaxNullTokens;
}

LinearShape ChooseLinear(const LinearArgs& args, WeightFormat format) {
  LinearShape shape;
  shape.halves = args.rows > 16 ? 4 : args.rows > 8 ? 2 : 1;
  const bool norm = args.norm_weight != nullptr;
  for (const int tiles : {4, 3}) {
    const int columns = 8 * tiles;
    if (norm && args.outputs % columns == 0 && args.outputs / columns >= kBlocks) {
      shape.tiles = tiles;
      break;
    }
  }
  const int loads = args.inputs / kLinearWarps / (format == WeightFormat::kInt8 ? 64 : 32);
  const int few = format == WeightFormat::kInt8 ? 2 : 4;
  shape.chunk = norm || loads <= few ? few : 4 * few;
  return shape;
}

void LaunchTokenStep(const TokenStep& step, int requests, Launcher& launcher) {
  EmbedArgs embed;
  embed.steps = step.inputs;
  embed.embeddings = step.embeddings;
  embed.positions = step.position_rows;
  embed.x = step.x;
  embed.moments = step.moments;
  embed.codebooks = step.codebooks;
  embed.card = step.card;
  embed.dim = step.dim;
  launcher.Embed(embed, requests);
  StepLaunches launches(step, requests, launcher);
  for (int i = 0; i < step.num_layers; ++i) launches.Layer(step.layers[i]);
  launches.Heads();
  SampleArgs sample;
  sample.steps = step.inputs;
  sample.logits = step.logits;
  sample.guided = step.guided;
  sample.tokens = step.tokens;
  sample.codebooks = step.codebooks;
  sample.card = step.card;
  launcher.Sample(sample, requests);
}

}  // namespace vidmuse::gpu
