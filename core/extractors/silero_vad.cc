#include "core/extractors/silero_vad.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/extractors/check_samples.h"
#include "core/extractors/published_file.h"
#include "core/extractors/sinc_resampler.h"
#include "core/model/checkpoint/tensor_file.h"
#include "core/model/checkpoint/weight_reader.h"
#include "core/model/torch/device_tensors.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse {

using at::Tensor;

namespace {

constexpr int64_t kContext = 64;  // samples before a frame that it is seen with
constexpr int64_t kFft = 256;     // samples of a spectrum
constexpr int64_t kHop = 128;     // from one spectrum to the next
constexpr int64_t kPadding = 64;  // samples that a frame is reflected by at its end
constexpr int64_t kBins = kFft / 2 + 1;
constexpr int64_t kWidth = 128;  // of the LSTM
constexpr int64_t kFramesAtOnce = 512;

struct Convolution {
  Tensor weight, bias;
  int64_t stride = 1;
};

absl::StatusOr<Convolution> ReadConvolution(DeviceReader& reader, const std::string& name,
                                            int64_t out, int64_t in, int64_t kernel,
                                            int64_t stride) {
  Convolution layer;
  layer.stride = stride;
  ASSIGN_OR_RETURN(layer.weight, reader.Read({name + ".weight", {out, in, kernel}}));
  ASSIGN_OR_RETURN(layer.bias, reader.Read({name + ".bias", {out}}));
  return layer;
}

// The mean of the channels at SileroVad::kSampleRate.
std::vector<float> MonoOf(const Sound& sound) {
  std::vector<float> mono = sound.channels[0];
  for (size_t c = 1; c < sound.channels.size(); ++c) {
    for (size_t i = 0; i < mono.size(); ++i) mono[i] += sound.channels[c][i];
  }
  for (float& sample : mono) sample /= static_cast<float>(sound.channels.size());
  if (sound.sample_rate == SileroVad::kSampleRate) return mono;
  return SincResample(mono, sound.sample_rate, SileroVad::kSampleRate);
}

}  // namespace

struct SileroVad::Tensors {
  Tensor fourier;  // [2 * kBins, 1, kFft]: the windowed real and imaginary waves
  std::vector<Convolution> encoder;
  std::vector<Tensor> lstm;  // as at::lstm takes them
  Convolution last;

  static absl::StatusOr<Tensors> Read(DeviceReader& reader) {
    Tensors t;
    ASSIGN_OR_RETURN(t.fourier, reader.Read({"stft_conv.weight", {2 * kBins, 1, kFft}}));
    ASSIGN_OR_RETURN(t.encoder.emplace_back(), ReadConvolution(reader, "conv1", 128, kBins, 3, 1));
    ASSIGN_OR_RETURN(t.encoder.emplace_back(), ReadConvolution(reader, "conv2", 64, 128, 3, 2));
    ASSIGN_OR_RETURN(t.encoder.emplace_back(), ReadConvolution(reader, "conv3", 64, 64, 3, 2));
    ASSIGN_OR_RETURN(t.encoder.emplace_back(), ReadConvolution(reader, "conv4", kWidth, 64, 3, 1));
    for (const char* name : {"weight_ih", "weight_hh"}) {
      ASSIGN_OR_RETURN(t.lstm.emplace_back(),
                       reader.Read({absl::StrCat("lstm_cell.", name), {4 * kWidth, kWidth}}));
    }
    for (const char* name : {"bias_ih", "bias_hh"}) {
      ASSIGN_OR_RETURN(t.lstm.emplace_back(),
                       reader.Read({absl::StrCat("lstm_cell.", name), {4 * kWidth}}));
    }
    ASSIGN_OR_RETURN(t.last, ReadConvolution(reader, "final_conv", 1, kWidth, 1, 1));
    return t;
  }

  // `frames`: [n, kContext + kFrame]; the result is [n, kWidth].
  Tensor Encode(const Tensor& frames) const {
    const Tensor padded = at::reflection_pad1d(frames.unsqueeze(1), {0, kPadding});
    const Tensor waves = at::conv1d(padded, fourier, {}, kHop);
    Tensor x = (waves.narrow(1, 0, kBins).square() + waves.narrow(1, kBins, kBins).square()).sqrt();
    for (const Convolution& layer : encoder) {
      x = at::relu(at::conv1d(x, layer.weight, layer.bias, layer.stride, /*padding=*/1));
    }
    return x.squeeze(2);
  }

  // The probabilities of the frames, [n]. `state` is the LSTM's, before and after.
  Tensor Probabilities(const Tensor& frames, std::pair<Tensor, Tensor>* state) const {
    const Tensor x = Encode(frames).unsqueeze(1);
    auto [y, hidden, cell] = at::lstm(x, {state->first, state->second}, lstm, /*has_biases=*/true,
                                      /*num_layers=*/1, /*dropout=*/0.0, /*train=*/false,
                                      /*bidirectional=*/false, /*batch_first=*/false);
    *state = {hidden, cell};
    return at::sigmoid(at::linear(at::relu(y.squeeze(1)), last.weight.squeeze(2), last.bias))
        .squeeze(1);
  }
};

SileroVad::SileroVad(ExtractorInfo info, std::unique_ptr<const Tensors> tensors)
    : info_(std::move(info)), tensors_(std::move(tensors)) {}

SileroVad::~SileroVad() = default;

absl::StatusOr<std::unique_ptr<SileroVad>> SileroVad::Open(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/", kFile);
  ASSIGN_OR_RETURN(const std::unique_ptr<TensorFile> file, TensorFile::OpenSafetensors(path));
  WeightReader weights(file.get(), "");
  DeviceReader reader(&weights, "cpu");
  auto tensors = std::make_unique<Tensors>();
  const absl::Status read = RunTorch([&]() -> absl::Status {
    ASSIGN_OR_RETURN(*tensors, Tensors::Read(reader));
    return absl::OkStatus();
  });
  if (absl::IsNotFound(read)) return absl::InvalidArgumentError(read.message());
  RETURN_IF_ERROR(read);
  RETURN_IF_ERROR(weights.CheckAllUsed({}));
  ExtractorInfo info;
  info.name = "silero_vad";
  info.file = kFile;
  ASSIGN_OR_RETURN(info.sha256, Sha256OfFile(path));
  info.resampler = absl::StrCat("torchaudio sinc_interp_hann ", kSampleRate, " Hz");
  return absl::WrapUnique(new SileroVad(std::move(info), std::move(tensors)));
}

absl::StatusOr<SpeechFound> SileroVad::Find(const Sound& sound) const {
  RETURN_IF_ERROR(CheckSamples(sound));
  std::vector<float> mono = MonoOf(sound);
  SpeechFound found;
  found.samples = static_cast<int64_t>(mono.size());
  const int64_t frames = (found.samples + kFrame - 1) / kFrame;
  // Zeros before the first frame, and after the last sample.
  mono.insert(mono.begin(), static_cast<size_t>(kContext), 0.0f);
  mono.resize(static_cast<size_t>(kContext + frames * kFrame), 0.0f);
  RETURN_IF_ERROR(RunTorch([&]() -> absl::Status {
    const Tensor samples = at::from_blob(mono.data(), {static_cast<int64_t>(mono.size())});
    const Tensor all = samples.unfold(0, kContext + kFrame, kFrame);
    std::pair<Tensor, Tensor> state{at::zeros({1, 1, kWidth}), at::zeros({1, 1, kWidth})};
    for (int64_t first = 0; first < frames; first += kFramesAtOnce) {
      const Tensor block = all.narrow(0, first, std::min(kFramesAtOnce, frames - first));
      const Tensor probabilities = tensors_->Probabilities(block, &state).contiguous();
      const float* values = probabilities.const_data_ptr<float>();
      found.probabilities.insert(found.probabilities.end(), values, values + block.size(0));
    }
    return absl::OkStatus();
  }));
  found.spans = SpeechSpans(found.probabilities, found.samples);
  return found;
}

}  // namespace vidmuse
