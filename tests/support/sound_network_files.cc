#include "tests/support/sound_network_files.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <numbers>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/architecture/tensors.h"
#include "core/model/checkpoint/torch_file_writer.h"
#include "core/model/synthetic/hash_values.h"

namespace vidmuse {
namespace {

constexpr int64_t kBands = 64;

// Writes hash weights of `seed`, whose names in the file begin with `prefix`.
absl::Status AddHashes(const std::string& seed, const std::string& prefix,
                       const std::vector<NamedShape>& tensors, TorchFileWriter& writer) {
  for (const NamedShape& tensor : tensors) {
    std::vector<char> bytes(static_cast<size_t>(tensor.elements() * DTypeSize(HashType(tensor))));
    FillHashValues(seed, tensor, bytes.data());
    RETURN_IF_ERROR(
        writer.AddTensor(prefix + tensor.name, {HashType(tensor), tensor.shape, bytes.data()}));
  }
  return absl::OkStatus();
}

void AddBatchNorm(const std::string& name, int64_t width, TensorList& list) {
  list.Add(NamedShape{name + ".weight", {width}, TensorRole::kNormScale});
  list.Add(NamedShape{name + ".bias", {width}, TensorRole::kBias});
  list.Add(NamedShape{name + ".running_mean", {width}, TensorRole::kBias});
  list.Add(NamedShape{name + ".running_var", {width}, TensorRole::kNormScale});
  list.Add(NamedShape{name + ".num_batches_tracked", {}, TensorRole::kCount});
}

// One half of the windowed discrete Fourier transform, [fft / 2 + 1, 1, fft].
std::vector<float> Transform(int64_t fft, double (*wave)(double)) {
  std::vector<float> values;
  for (int64_t bin = 0; bin <= fft / 2; ++bin) {
    for (int64_t i = 0; i < fft; ++i) {
      const double turn = 2 * std::numbers::pi / static_cast<double>(fft);
      const double window = 0.5 - 0.5 * std::cos(turn * static_cast<double>(i));
      values.push_back(
          static_cast<float>(wave(turn * static_cast<double>(bin * i % fft)) * window));
    }
  }
  return values;
}

// Slaney's mel scale: linear below 1 kHz, then logarithmic.
double ToMel(double hertz) {
  return hertz < 1000 ? hertz * 3 / 200 : 15 + std::log(hertz / 1000) * 27 / std::log(6.4);
}

double ToHertz(double mel) {
  return mel < 15 ? mel * 200 / 3 : 1000 * std::exp((mel - 15) * std::log(6.4) / 27);
}

// Triangles of equal area, [fft / 2 + 1, kBands].
std::vector<float> MelWeights(int rate, int64_t fft, double lowest, double highest) {
  std::vector<double> edges;
  for (int64_t i = 0; i < kBands + 2; ++i) {
    const double share = static_cast<double>(i) / (kBands + 1);
    edges.push_back(ToHertz(ToMel(lowest) + share * (ToMel(highest) - ToMel(lowest))));
  }
  std::vector<float> values;
  for (int64_t bin = 0; bin <= fft / 2; ++bin) {
    const double hertz = static_cast<double>(bin) * rate / static_cast<double>(fft);
    for (int64_t band = 0; band < kBands; ++band) {
      const double low = edges[band], middle = edges[band + 1], high = edges[band + 2];
      const double height =
          std::max(0.0, std::min((hertz - low) / (middle - low), (high - hertz) / (high - middle)));
      values.push_back(static_cast<float>(height * 2 / (high - low)));
    }
  }
  return values;
}

absl::Status AddFrontEnd(int rate, TorchFileWriter& writer) {
  const int64_t fft = rate == 16000 ? 512 : 1024;
  const int64_t bins = fft / 2 + 1;
  const std::string stft = "model/spectrogram_extractor.stft.";
  const auto sine = [](double angle) { return -std::sin(angle); };
  const auto cosine = [](double angle) { return std::cos(angle); };
  RETURN_IF_ERROR(writer.AddTensor(
      stft + "conv_real.weight", {DType::kFloat32, {bins, 1, fft}, Transform(fft, cosine).data()}));
  RETURN_IF_ERROR(writer.AddTensor(stft + "conv_imag.weight",
                                   {DType::kFloat32, {bins, 1, fft}, Transform(fft, sine).data()}));
  return writer.AddTensor("model/logmel_extractor.melW",
                          {DType::kFloat32,
                           {bins, kBands},
                           MelWeights(rate, fft, 50, rate == 16000 ? 8000 : 14000).data()});
}

}  // namespace

absl::Status WriteCnn14(int sample_rate, NetworkSizes sizes, const std::string& path) {
  const std::vector<int64_t> widths = sizes == NetworkSizes::kSmall
                                          ? std::vector<int64_t>{4, 8, 8, 16, 16, 32}
                                          : std::vector<int64_t>{64, 128, 256, 512, 1024, 2048};
  ASSIGN_OR_RETURN(const std::unique_ptr<TorchFileWriter> writer, TorchFileWriter::Create(path));
  RETURN_IF_ERROR(AddFrontEnd(sample_rate, *writer));
  TensorList list;
  AddBatchNorm("bn0", kBands, list);
  int64_t in = 1;
  for (size_t block = 0; block < widths.size(); ++block) {
    const std::string name = absl::StrCat("conv_block", block + 1, ".");
    // Some are larger, so that the sound outweighs the biases.
    const TensorRole role = block % 2 == 0 ? TensorRole::kHeadWeight : TensorRole::kWeight;
    list.Add(NamedShape{name + "conv1.weight", {widths[block], in, 3, 3}, role});
    list.Add(NamedShape{name + "conv2.weight", {widths[block], widths[block], 3, 3}});
    AddBatchNorm(name + "bn1", widths[block], list);
    AddBatchNorm(name + "bn2", widths[block], list);
    in = widths[block];
  }
  list.Add(LinearLayer("fc1", 2048, in));
  list.Add(LinearLayer("fc_audioset", 527, 2048));
  RETURN_IF_ERROR(AddHashes("cnn14", "model/", list.Take(), *writer));
  const int64_t counter = 1;
  RETURN_IF_ERROR(writer->AddTensor("iteration", {DType::kInt64, {}, &counter}));
  return writer->Finish();
}

absl::Status WriteVggish(NetworkSizes sizes, const std::string& path) {
  const bool small = sizes == NetworkSizes::kSmall;
  const std::vector<int> places = {0, 3, 6, 8, 11, 13};
  const std::vector<int64_t> widths = small ? std::vector<int64_t>{4, 8, 8, 16, 16, 32}
                                            : std::vector<int64_t>{64, 128, 256, 256, 512, 512};
  const int64_t hidden = small ? 64 : 4096;
  TensorList list;
  int64_t in = 1;
  for (size_t i = 0; i < places.size(); ++i) {
    const std::string name = absl::StrCat("features.", places[i]);
    list.Add(NamedShape{name + ".weight", {widths[i], in, 3, 3}});
    list.Add(NamedShape{name + ".bias", {widths[i]}, TensorRole::kBias});
    in = widths[i];
  }
  list.Add(LinearLayer("embeddings.0", hidden, in * 24, TensorRole::kHeadWeight));
  list.Add(LinearLayer("embeddings.2", hidden, hidden));
  list.Add(LinearLayer("embeddings.4", 128, hidden));
  ASSIGN_OR_RETURN(const std::unique_ptr<TorchFileWriter> writer, TorchFileWriter::Create(path));
  RETURN_IF_ERROR(AddHashes("vggish", "", list.Take(), *writer));
  return writer->Finish();
}

}  // namespace vidmuse
