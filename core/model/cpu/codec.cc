#include "core/model/cpu/codec.h"

#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace vidmuse::cpu {

absl::Status CodecStream::Push(absl::Span<const int32_t> tokens, bool last,
                               std::vector<float>* samples) {
  const Codec& codec = *codec_;
  const Kernels& kernels = codec.kernels_;
  const int codebooks = static_cast<int>(codec.codebooks_.size());
  const int dimension = codec.config_.dimension;
  if (ended_) return absl::FailedPreconditionError("the stream has ended");
  if (tokens.size() % codebooks != 0)
    return absl::InvalidArgumentError("tokens of a part of a frame");
  const size_t frames = tokens.size() / codebooks;

  Signal x(frames * dimension);
  for (size_t t = 0; t < frames; ++t) {
    for (int k = 0; k < codebooks; ++k) {
      const int32_t token = tokens[t * codebooks + k];
      if (token < 0 || token >= codec.config_.bins) {
        return absl::InvalidArgumentError(
            absl::StrCat("token ", token, " is outside the codebook of ", codec.config_.bins));
      }
      const float* vector = codec.codebooks_[k].data() + static_cast<size_t>(token) * dimension;
      for (int i = 0; i < dimension; ++i) x[t * dimension + i] += vector[i];
    }
  }
  ended_ = last;

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
  return absl::OkStatus();
}

CodecStream::CodecStream(std::shared_ptr<const Codec> codec)
    : codec_(std::move(codec)), lstm_(codec_->lstm_.size()), stages_(codec_->stages_.size()) {}

}  // namespace vidmuse::cpu
