#include "core/model/cpu/codec.h"

#include <cmath>
#include <utility>

#include "core/base/status_macros.h"
#include "core/model/architecture/checks.h"

namespace vidmuse::cpu {

namespace {

// Frames decoded at a time: enough that the weights are read seldom, few enough that signals stay
// small.
constexpr size_t kPieceFrames = 50;

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
    Lstm(codec.lstm_[i], kernels, x, lstm_[i], &y);
  }
  if (!codec.lstm_.empty()) {
    for (size_t i = 0; i < y.size(); ++i) y[i] += skip[i];
  }
  const float alpha = codec.config_.elu_alpha;
  for (size_t i = 0; i < stages_.size(); ++i) {
    x = std::move(y);
    y.clear();
    kernels.elu(x.data(), static_cast<int64_t>(x.size()), alpha, x.data());
    Signal up;
    Upsample(codec.stages_[i].upsampling, kernels, x, last, stages_[i].upsampling, &up);
    Residual(codec.stages_[i].residual3, codec.stages_[i].residual1, alpha, kernels, up, last,
             stages_[i].residual, &y);
  }
  kernels.elu(y.data(), static_cast<int64_t>(y.size()), alpha, y.data());
  Convolve(codec.last_, kernels, y, last, last_, samples);
}

CodecStream::CodecStream(std::shared_ptr<const Codec> codec)
    : codec_(std::move(codec)), lstm_(codec_->lstm_.size()), stages_(codec_->stages_.size()) {}

}  // namespace vidmuse::cpu
