#include "core/train/train_codec.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/train/codec_network.h"
#include "core/train/random.h"
#include "core/train/spectral_loss.h"

namespace vidmuse::train {
namespace {

// Caches the clips' audio, up to kMaxBytes.
class AudioCache {
 public:
  explicit AudioCache(ClipSource& clips) : clips_(clips) {}

  absl::StatusOr<const std::vector<float>*> Get(int64_t clip) {
    constexpr size_t kMaxBytes = size_t{1} << 30;
    const auto found = kept_.find(clip);
    if (found != kept_.end()) return &found->second;
    ASSIGN_OR_RETURN(std::vector<float> audio, clips_.Audio(clip));
    const size_t bytes = audio.size() * sizeof(float);
    if (bytes_ + bytes > kMaxBytes) {
      last_ = std::move(audio);
      return &last_;
    }
    bytes_ += bytes;
    return &kept_.emplace(clip, std::move(audio)).first->second;
  }

  int64_t clips() const { return clips_.size(); }

 private:
  ClipSource& clips_;
  std::map<int64_t, std::vector<float>> kept_;
  std::vector<float> last_;
  size_t bytes_ = 0;
};

// The step's crops, [batch][samples].
absl::StatusOr<at::Tensor> Crops(const CodecConfig& config, const CodecTrainingOptions& options,
                                 AudioCache& clips, Random& random) {
  const int frame = config.samples_per_frame();
  const int64_t length = int64_t{options.crop_frames} * frame;
  at::Tensor crops = at::empty({options.batch, length});
  for (int i = 0; i < options.batch; ++i) {
    ASSIGN_OR_RETURN(const std::vector<float>* const found, clips.Get(random.Index(clips.clips())));
    const std::vector<float>& audio = *found;
    const int64_t room = (static_cast<int64_t>(audio.size()) - length) / frame;
    if (room < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("a clip of ", audio.size(), " samples is shorter than a crop of ", length));
    }
    const int64_t begin = random.Index(room + 1) * frame;
    std::copy_n(audio.begin() + begin, length, crops.data_ptr<float>() + i * length);
  }
  return crops;
}

Quantized QuantizeStep(const CodecConfig& config, const CodecTrainingOptions& options,
                       const at::Tensor& latents, const TrainingRun& run, Random& random) {
  if (run.step() < options.free_steps) {
    return {latents, at::zeros({1, 1}, at::kLong), at::zeros({}, latents.options())};
  }
  CodebookUpdate update;
  update.first = run.step() == options.free_steps;
  update.random = &random;
  return Quantize(config, run.parameters(), latents, &update);
}

absl::Status MakeStep(const CodecConfig& config, const CodecTrainingOptions& options,
                      AudioCache& clips, TrainingRun& run) {
  Random random(options.seed, "codec step", run.step());
  ASSIGN_OR_RETURN(at::Tensor audio, Crops(config, options, clips, random));
  audio = audio.to(run.options().device);
  at::Tensor made;
  Quantized quantized;
  {
    MixedPrecision mixed(run.options().device, run.options().mixed_precision);
    const at::Tensor latents = EncodeAudio(config, run.parameters(), audio).to(at::kFloat);
    quantized = QuantizeStep(config, options, latents, run, random);
    made = DecodeLatents(config, run.parameters(), quantized.latents).to(at::kFloat);
  }
  const at::Tensor spectral = SpectralLoss(made, audio);
  const at::Tensor waveform = (made - audio).abs().mean();
  const at::Tensor loss = spectral + options.waveform_weight * waveform +
                          options.commitment_weight * quantized.commitment;
  const int64_t used = std::get<0>(at::_unique(quantized.codes.select(1, 0))).numel();
  return run.Step(loss, {{"spectral", spectral.item<double>()},
                         {"waveform", waveform.item<double>()},
                         {"commitment", quantized.commitment.item<double>()},
                         {"codes_used", static_cast<double>(used)}});
}

}  // namespace

absl::Status TrainCodec(const CodecConfig& config, const CodecTrainingOptions& options,
                        ClipSource& clips, TrainingRun& run) {
  AudioCache cache(clips);
  while (!run.done()) {
    RETURN_IF_ERROR(CatchTorch([&] { return MakeStep(config, options, cache, run); }));
  }
  return absl::OkStatus();
}

}  // namespace vidmuse::train
