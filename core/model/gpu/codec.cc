#include "core/model/gpu/codec.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "core/model/architecture/checks.h"
#include "core/model/gpu/codec_tensors.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse::gpu {
namespace {

using at::Tensor;

// Frames after and before a position that a convolution with this kernel size covers.
int RightPad(int kernel) { return (kernel - 1) / 2; }
int LeftPad(int kernel) { return kernel - 1 - RightPad(kernel); }

// Maps index `i` into a signal of `size` that is mirrored at its ends.
int64_t Mirror(int64_t i, int64_t size) {
  if (i < 0) i = -i;
  return i < size ? i : 2 * (size - 1) - i;
}

}  // namespace

class CodecStream final : public AudioDecoder {
 public:
  CodecStream(std::shared_ptr<const Codec> network, std::shared_ptr<DeviceStream> stream)
      : network_(std::move(network)), stream_(std::move(stream)), t_(*network_->t_) {}
  ~CodecStream() override {
    // The tensors are freed in the stream that uses them.
    stream_
        ->Queue([this] {
          states_.clear();
          frames_ = Tensor();
          return absl::OkStatus();
        })
        .IgnoreError();
  }

  absl::Status Push(absl::Span<const int32_t> tokens, bool last,
                    std::vector<float>* samples) override;

 private:
  static constexpr int64_t kPiece = Codec::kPieceFrames;
  const CodecConfig& config() const { return network_->config(); }
  int64_t context() const { return network_->reach().context_frames; }
  int64_t lookahead() const { return network_->reach().lookahead_samples; }

  // Computes codebook vectors, convolution and LSTM of the piece that begins at frame `first`:
  // [1][channels][kPiece]. Puts the LSTM's state after the piece into `after`.
  Tensor LstmPiece(int64_t first, bool last, std::vector<Tensor>* after) const;
  void RunLstm(int64_t final_frames, bool last);
  // Runs the rest of the decoder on [1][channels][n] LSTM frames: n * samples_per_frame() samples,
  // on the host.
  Tensor Upsample(const Tensor& frames) const;
  Tensor Conv(const CodecConv& conv, const Tensor& x, int kernel) const;
  // Returns LSTM frames [begin, begin + count), with zeros where there are none yet.
  Tensor Frames(int64_t begin, int64_t count) const;
  void Emit(int64_t end, std::vector<float>* samples);
  void EmitTail(std::vector<float>* samples);
  void Append(const Tensor& audio, int64_t begin, int64_t end, std::vector<float>* samples);
  // Drops the tokens and frames that no later piece needs.
  void Forget();

  const std::shared_ptr<const Codec> network_;
  const std::shared_ptr<DeviceStream> stream_;
  const Codec::Tensors& t_;

  // Positions count frames, or samples, from the start of the stream.
  std::vector<int32_t> tokens_;  // [..][codebooks], from frame first_token_ on
  int64_t first_token_ = 0;
  int64_t pushed_ = 0;          // frames
  std::vector<Tensor> states_;  // of the LSTM before frame states_at_; empty: zeros
  int64_t states_at_ = 0;
  Tensor frames_;  // [1][channels][..]: LSTM frames, from first_frame_ on
  int64_t first_frame_ = 0;
  int64_t frames_end_ = 0;
  int64_t emitted_ = 0;  // samples
  bool ended_ = false;
};

absl::Status CodecStream::Push(absl::Span<const int32_t> tokens, bool last,
                               std::vector<float>* samples) {
  const int codebooks = config().codebooks;
  RETURN_IF_ERROR(CheckPush(tokens, codebooks, config().bins, ended_));
  ended_ = last;
  tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
  pushed_ += static_cast<int64_t>(tokens.size() / codebooks);
  return stream_->Run([&] {
    const int pad = RightPad(config().kernel_size);
    int64_t final_frames = last ? pushed_ : std::max<int64_t>(0, pushed_ - pad);
    // The stream's start can't be mirrored yet.
    if (config().reflect_padding && !last && pushed_ <= LeftPad(config().kernel_size)) {
      final_frames = 0;
    }
    RunLstm(final_frames, last);
    Emit(config().samples_per_frame() * final_frames - lookahead(), samples);
    if (last) EmitTail(samples);
    Forget();
    return absl::OkStatus();
  });
}

Tensor CodecStream::LstmPiece(int64_t first, bool last, std::vector<Tensor>* after) const {
  const int64_t codebooks = config().codebooks, kernel = config().kernel_size;
  const int64_t left = LeftPad(config().kernel_size), right = RightPad(config().kernel_size);
  // A stream shorter than the padding is extended with zeros before it is mirrored, as in the
  // reference.
  const int64_t size = std::max(pushed_, std::max(left, right) + 1);
  Tensor indices = at::full({kPiece + kernel - 1, codebooks}, config().bins, at::kLong);
  for (int64_t i = 0; i < indices.size(0); ++i) {
    int64_t frame = first - left + i;
    const bool mirrored =
        config().reflect_padding && (frame < 0 || (last && frame >= size && frame < size + right));
    if (mirrored) frame = Mirror(frame, size);
    if (frame < 0 || frame >= pushed_) continue;
    const int32_t* from = tokens_.data() + (frame - first_token_) * codebooks;
    std::copy_n(from, codebooks, indices.mutable_data_ptr<int64_t>() + i * codebooks);
  }
  const Tensor vectors =
      at::embedding(t_.codebooks, indices.to(t_.codebooks.device()) + t_.codebook_start).sum(1);
  Tensor x = at::conv1d(vectors.t().unsqueeze(0), t_.first.weight, t_.first.bias);
  if (t_.lstm.empty()) return x;
  const Tensor steps = x.permute({2, 0, 1});  // [time][1][channels]
  std::vector<Tensor> states = states_;
  if (states.empty()) {
    states.assign(2, at::zeros({config().lstm_layers, 1, x.size(1)}, x.options()));
  }
  auto [out, h, c] = at::lstm(steps.contiguous(), states, t_.lstm, /*has_biases=*/true,
                              config().lstm_layers, /*dropout=*/0, /*train=*/false,
                              /*bidirectional=*/false, /*batch_first=*/false);
  *after = {h, c};
  return (out + steps).permute({1, 2, 0}).contiguous();
}

void CodecStream::RunLstm(int64_t final_frames, bool last) {
  while (frames_end_ < final_frames) {
    std::vector<Tensor> after;
    const Tensor piece = LstmPiece(states_at_, last, &after);
    const int64_t end = std::min(states_at_ + kPiece, final_frames);
    const Tensor fresh = piece.narrow(2, frames_end_ - states_at_, end - frames_end_);
    frames_ = frames_.defined() ? at::cat({frames_, fresh}, 2) : fresh;
    frames_end_ = end;
    if (end < states_at_ + kPiece) return;
    states_ = std::move(after);
    states_at_ = end;
  }
}

Tensor CodecStream::Conv(const CodecConv& conv, const Tensor& x, int kernel) const {
  const int64_t pad[] = {LeftPad(kernel), RightPad(kernel)};
  const Tensor padded = config().reflect_padding && kernel > 1 ? at::reflection_pad1d(x, pad)
                                                               : at::constant_pad_nd(x, pad);
  return at::conv1d(padded, conv.weight, conv.bias);
}

Tensor CodecStream::Upsample(const Tensor& frames) const {
  const auto elu = [&](const Tensor& x) { return at::elu(x, config().elu_alpha); };
  Tensor x = frames;
  for (size_t i = 0; i < t_.stages.size(); ++i) {
    const CodecStage& stage = t_.stages[i];
    const int stride = config().ratios[i];
    const int64_t length = stride * x.size(2);
    x = at::conv_transpose1d(elu(x), stage.upsampling.weight, stage.upsampling.bias, stride)
            .narrow(2, stride - stride / 2, length);
    const Tensor hidden = Conv(stage.residual3, elu(x), config().residual_kernel_size);
    x = x + Conv(stage.residual1, elu(hidden), 1);
  }
  return Conv(t_.last, elu(x), config().last_kernel_size).flatten().to(at::kCPU).contiguous();
}

Tensor CodecStream::Frames(int64_t begin, int64_t count) const {
  const int64_t have = std::min(begin + count, frames_end_) - begin;
  const Tensor frames = frames_.narrow(2, begin - first_frame_, have);
  return at::constant_pad_nd(frames, {0, count - have});
}

void CodecStream::Append(const Tensor& audio, int64_t begin, int64_t end,
                         std::vector<float>* samples) {
  const float* data = audio.const_data_ptr<float>();
  samples->insert(samples->end(), data + begin, data + end);
  emitted_ += end - begin;
}

// Emits the samples up to `end`. Each piece provides those that its frames determine, from where
// the previous piece ended.
void CodecStream::Emit(int64_t end, std::vector<float>* samples) {
  const int64_t frame = config().samples_per_frame();
  while (emitted_ < end) {
    const int64_t piece = (emitted_ + lookahead()) / (frame * kPiece) * kPiece;
    const int64_t begin = piece == 0 ? 0 : piece - context();
    const Tensor audio = Upsample(Frames(begin, piece + kPiece - begin));
    const int64_t offset = frame * begin;
    const int64_t piece_end = std::min(end, frame * (piece + kPiece) - lookahead());
    Append(audio, emitted_ - offset, piece_end - offset, samples);
  }
}

// Emits the stream's last samples, which depend on the padding behind it.
void CodecStream::EmitTail(std::vector<float>* samples) {
  const int64_t end = config().samples_per_frame() * pushed_;
  if (emitted_ >= end) return;
  const int64_t begin = std::max<int64_t>(0, pushed_ - context());
  const int64_t offset = config().samples_per_frame() * begin;
  Append(Upsample(Frames(begin, pushed_ - begin)), emitted_ - offset, end - offset, samples);
}

void CodecStream::Forget() {
  const int64_t tokens_from = std::max<int64_t>(
      0, states_at_ - std::max(LeftPad(config().kernel_size), 2 * RightPad(config().kernel_size)));
  tokens_.erase(tokens_.begin(),
                tokens_.begin() + (tokens_from - first_token_) * config().codebooks);
  first_token_ = tokens_from;
  const int64_t frame = config().samples_per_frame();
  const int64_t piece = (emitted_ + lookahead()) / (frame * kPiece) * kPiece;
  const int64_t frames_from =
      std::clamp<int64_t>(std::min(piece, frames_end_) - context(), first_frame_, frames_end_);
  if (frames_from == first_frame_ || !frames_.defined()) return;
  frames_ = frames_.narrow(2, frames_from - first_frame_, frames_end_ - frames_from).clone();
  first_frame_ = frames_from;
}

std::unique_ptr<AudioDecoder> NewCodecStream(std::shared_ptr<const Codec> network,
                                             std::shared_ptr<DeviceStream> stream) {
  return std::make_unique<CodecStream>(std::move(network), std::move(stream));
}

}  // namespace vidmuse::gpu
