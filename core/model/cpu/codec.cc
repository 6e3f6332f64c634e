#include "core/model/cpu/codec.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/status_macros.h"
#include "core/model/architecture/checks.h"

namespace vidmuse::cpu {

namespace {

// Frames decoded at a time: enough that the weights are read seldom, few enough that signals stay
// small.
constexpr size_t kPieceFrames = 50;

// Rows that a stage takes at a time: enough that its weights are read seldom, few enough that its
// signals stay in the cache until the next stage has read them.
constexpr int64_t kBlockRows = kRowTile;

}  // namespace

absl::Status CodecStream::Push(absl::Span<const int32_t> tokens, bool last,
                               std::vector<float>* samples) {
  const int codebooks = codec_->config_.codebooks;
  RETURN_IF_ERROR(CheckPush(tokens, codebooks, codec_->config_.bins, ended_));
  ended_ = last;
  const size_t piece = kPieceFrames * codebooks;
  while (tokens.size() > piece) {
    Decode(tokens.first(piece), false, samples);
    tokens.remove_prefix(piece);
  }
  Decode(tokens, last, samples);
  return absl::OkStatus();
}

void CodecStream::Decode(absl::Span<const int32_t> tokens, bool last, std::vector<float>* samples) {
  const Codec& codec = *codec_;
  const Kernels& kernels = codec.kernels_;
  const size_t codebooks = codec.codebooks_.size();
  const size_t dimension = codec.config_.dimension;
  const size_t frames = tokens.size() / codebooks;

  Signal x(frames * dimension);
  for (size_t t = 0; t < frames; ++t) {
    for (size_t k = 0; k < codebooks; ++k) {
      const float* vector = codec.codebooks_[k].data() + tokens[t * codebooks + k] * dimension;
      for (size_t i = 0; i < dimension; ++i) x[t * dimension + i] += vector[i];
    }
  }

  Signal y;
  Convolve(codec.first_, kernels, x, last, first_, &y);
  Signal skip = y;  // the LSTM's input is added to its output
  for (size_t i = 0; i < codec.lstm_.size(); ++i) {
    x = std::move(y);
    y.clear();
    codec.lstm_[i]->Run(x, lstm_[i], &y);
  }
  if (!codec.lstm_.empty()) {
    for (size_t i = 0; i < y.size(); ++i) y[i] += skip[i];
  }
  DecodeStage(0, y, last, samples);
}

void CodecStream::DecodeStage(size_t stage, Signal& x, bool last, std::vector<float>* samples) {
  const Codec& codec = *codec_;
  const Kernels& kernels = codec.kernels_;
  const float alpha = codec.config_.elu_alpha;
  kernels.elu(x.data(), static_cast<int64_t>(x.size()), alpha, x.data());
  if (stage == stages_.size()) return Convolve(codec.last_, kernels, x, last, last_, samples);
  const Codec::Stage& weights = codec.stages_[stage];
  const int64_t in = weights.upsampling.in;
  const int64_t rows = static_cast<int64_t>(x.size()) / in;
  // Also without rows: the last piece brings what the layers have held back.
  const int64_t blocks = std::max<int64_t>(1, (rows + kBlockRows - 1) / kBlockRows);
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t begin = rows * block / blocks, end = rows * (block + 1) / blocks;
    const bool ends = last && block + 1 == blocks;
    Signal up, y;
    Upsample(weights.upsampling, kernels,
             {x.data() + begin * in, static_cast<size_t>((end - begin) * in)}, ends,
             stages_[stage].upsampling, &up);
    Residual(weights.residual3, weights.residual1, alpha, kernels, up, ends,
             stages_[stage].residual, &y);
    DecodeStage(stage + 1, y, ends, samples);
  }
}

CodecStream::CodecStream(std::shared_ptr<const Codec> codec)
    : codec_(std::move(codec)), lstm_(codec_->lstm_.size()), stages_(codec_->stages_.size()) {}

}  // namespace vidmuse::cpu
