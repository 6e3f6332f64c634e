#include "core/extractors/htdemucs.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/audio/resampler.h"
#include "core/base/status_macros.h"
#include "core/extractors/check_samples.h"
#include "core/extractors/htdemucs_network.h"
#include "core/extractors/published_file.h"
#include "core/model/checkpoint/tensor_file.h"
#include "core/model/checkpoint/weight_reader.h"
#include "core/model/torch/run_torch.h"

namespace vidmuse {

using at::Tensor;

namespace {

constexpr char kVocals[] = "vocals";
constexpr char kState[] = "state/";
// Segments begin this share of a segment apart: a quarter of each overlaps the next one.
constexpr double kStride = 0.75;
// Keeps the division by a silent mix's deviation finite.
constexpr double kLeastDeviation = 1e-8;

// The names of the weights begin with "state/", unless the file holds nothing but them.
std::string PrefixOf(const TensorFile& file) {
  const auto found = file.tensors().lower_bound(kState);
  return found != file.tensors().end() && absl::StartsWith(found->first, kState) ? kState : "";
}

absl::StatusOr<std::unique_ptr<const HtDemucsNetwork>> LoadNetwork(const TensorFile& file,
                                                                   const HtDemucsConfig& config) {
  WeightReader weights(&file, PrefixOf(file));
  std::unique_ptr<const HtDemucsNetwork> network;
  absl::Status status = RunTorch([&]() -> absl::Status {
    ASSIGN_OR_RETURN(network, HtDemucsNetwork::Load(config, weights));
    return absl::OkStatus();
  });
  if (absl::IsNotFound(status)) status = absl::InvalidArgumentError(status.message());
  RETURN_IF_ERROR(status);
  RETURN_IF_ERROR(weights.CheckAllUsed({}));
  return network;
}

// [channels, samples] at the network's rate.
absl::StatusOr<Tensor> MakeMix(const Sound& sound, const HtDemucsConfig& config) {
  RETURN_IF_ERROR(CheckSamples(sound));
  const auto rate = static_cast<int>(config.sample_rate);
  const auto size = static_cast<int64_t>(sound.channels[0].size());
  const int64_t samples =
      sound.sample_rate == rate ? size : ResampledSize(size, sound.sample_rate, rate);
  if (samples < 2) return absl::InvalidArgumentError("the sound is too short to be separated");
  Tensor mix = at::empty({config.audio_channels, samples});
  const auto have = static_cast<int64_t>(sound.channels.size());
  for (int64_t c = 0; c < config.audio_channels; ++c) {
    if (c >= have) {
      mix[c].copy_(mix[0]);
      continue;
    }
    std::vector<float> channel = Resample(sound.channels[c], sound.sample_rate, rate);
    mix[c].copy_(at::from_blob(channel.data(), {samples}));
  }
  return mix;
}

// The segment's weights in the sum of overlapping segments: a triangle, [samples].
Tensor TransitionWeights(int64_t samples) {
  const int64_t half = samples / 2;
  const Tensor triangle =
      at::cat({at::arange(1, half + 1, at::kLong), at::arange(samples - half, 0, -1, at::kLong)});
  return triangle / triangle.max();
}

// The part of the mix that a segment's network sees: `count` samples at `first` in the middle of
// `size` samples, with the mix's own samples around them and zeros beyond its ends.
Tensor SegmentAround(const Tensor& mix, int64_t first, int64_t count, int64_t size) {
  const int64_t begin = first - (size - count) / 2;
  const int64_t from = std::max<int64_t>(begin, 0);
  const int64_t to = std::min(begin + size, mix.size(1));
  return at::constant_pad_nd(mix.narrow(1, from, to - from), {from - begin, begin + size - to}, 0);
}

// Sums that are written in place: a sound for each group, [samples] a channel.
std::vector<Sound> MakeSounds(size_t groups, const Tensor& mix, const HtDemucsConfig& config) {
  std::vector<Sound> sounds(groups);
  for (Sound& sound : sounds) {
    sound.sample_rate = static_cast<int>(config.sample_rate);
    sound.channels.resize(static_cast<size_t>(mix.size(0)));
    for (std::vector<float>& channel : sound.channels) {
      channel.resize(static_cast<size_t>(mix.size(1)));
    }
  }
  return sounds;
}

Tensor ViewOf(std::vector<float>& channel) {
  return at::from_blob(channel.data(), {static_cast<int64_t>(channel.size())});
}

}  // namespace

HtDemucs::HtDemucs(ExtractorInfo info, HtDemucsConfig config,
                   std::unique_ptr<const HtDemucsNetwork> network)
    : info_(std::move(info)), config_(std::move(config)), network_(std::move(network)) {}

HtDemucs::~HtDemucs() = default;

absl::StatusOr<std::unique_ptr<HtDemucs>> HtDemucs::Open(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/", kFile);
  ASSIGN_OR_RETURN(const std::unique_ptr<TensorFile> file,
                   TensorFile::OpenTorch(path, OtherValues::kSkip));
  absl::StatusOr<HtDemucsConfig> config = ReadHtDemucsConfig(*file);
  if (!config.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", config.status().message()));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<const HtDemucsNetwork> network, LoadNetwork(*file, *config));
  ExtractorInfo info;
  info.name = "htdemucs";
  info.file = kFile;
  ASSIGN_OR_RETURN(info.sha256, Sha256OfFile(path));
  info.resampler = absl::StrCat("julius resample_frac ", config->sample_rate, " Hz");
  return absl::WrapUnique(new HtDemucs(std::move(info), *std::move(config), std::move(network)));
}

absl::StatusOr<std::vector<Sound>> HtDemucs::SeparateGroups(
    const Sound& sound, const std::vector<std::vector<int64_t>>& groups) const {
  ASSIGN_OR_RETURN(Tensor mix, MakeMix(sound, config_));
  const Tensor reference = mix.mean(0);
  const Tensor mean = reference.mean();
  const Tensor deviation = reference.std() + kLeastDeviation;
  mix.sub_(mean).div_(deviation);

  const int64_t samples = mix.size(1);
  std::vector<Sound> sounds = MakeSounds(groups.size(), mix, config_);
  Tensor weight_sum = at::zeros({samples});
  const Tensor weights = TransitionWeights(config_.segment);
  const auto stride = static_cast<int64_t>(kStride * static_cast<double>(config_.segment));
  for (int64_t first = 0; first < samples; first += stride) {
    const int64_t count = std::min(config_.segment, samples - first);
    const Tensor stems = network_->Separate(SegmentAround(mix, first, count, config_.segment))
                             .narrow(2, (config_.segment - count) / 2, count);
    const Tensor weight = weights.narrow(0, 0, count);
    weight_sum.narrow(0, first, count).add_(weight);
    for (size_t group = 0; group < groups.size(); ++group) {
      for (int64_t c = 0; c < config_.audio_channels; ++c) {
        const Tensor sum = ViewOf(sounds[group].channels[c]).narrow(0, first, count);
        for (const int64_t source : groups[group]) sum.add_(weight * stems[source][c]);
      }
    }
  }
  for (size_t group = 0; group < groups.size(); ++group) {
    // The mean belongs to each of the sources.
    const Tensor means = mean * static_cast<double>(groups[group].size());
    for (std::vector<float>& channel : sounds[group].channels) {
      ViewOf(channel).div_(weight_sum).mul_(deviation).add_(means);
    }
  }
  return sounds;
}

absl::StatusOr<std::vector<Stem>> HtDemucs::Separate(const Sound& sound) const {
  std::vector<std::vector<int64_t>> groups(config_.sources.size());
  for (size_t i = 0; i < groups.size(); ++i) groups[i] = {static_cast<int64_t>(i)};
  std::vector<Sound> sounds;
  RETURN_IF_ERROR(RunTorch([&]() -> absl::Status {
    ASSIGN_OR_RETURN(sounds, SeparateGroups(sound, groups));
    return absl::OkStatus();
  }));
  std::vector<Stem> stems(sounds.size());
  for (size_t i = 0; i < stems.size(); ++i) stems[i] = {config_.sources[i], std::move(sounds[i])};
  return stems;
}

absl::StatusOr<VocalSplit> HtDemucs::SplitVocals(const Sound& sound) const {
  std::vector<int64_t> rest, vocals;
  for (size_t i = 0; i < config_.sources.size(); ++i) {
    (config_.sources[i] == kVocals ? vocals : rest).push_back(static_cast<int64_t>(i));
  }
  if (vocals.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(info_.file, " has no source '", kVocals, "'"));
  }
  std::vector<Sound> sounds;
  RETURN_IF_ERROR(RunTorch([&]() -> absl::Status {
    ASSIGN_OR_RETURN(sounds, SeparateGroups(sound, {rest, vocals}));
    return absl::OkStatus();
  }));
  return VocalSplit{std::move(sounds[0]), std::move(sounds[1])};
}

}  // namespace vidmuse
