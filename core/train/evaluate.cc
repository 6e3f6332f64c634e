#include "core/train/evaluate.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <memory>
#include <utility>

#include "absl/strings/str_format.h"
#include "core/base/cancel.h"
#include "core/base/status_macros.h"
#include "core/model/architecture/delay_pattern.h"
#include "core/train/clip_source.h"
#include "core/train/clip_spec.h"
#include "core/train/codec_network.h"
#include "core/train/music_analysis.h"
#include "core/train/synthetic_music.h"

namespace vidmuse::train {
namespace {

// [frames][codebooks]
absl::StatusOr<std::vector<int32_t>> MakeTokens(MusicModel& model, const VideoFrames& video,
                                                const SamplingOptions& sampling) {
  const CancelFlag never;
  const int codebooks = model.info().codebooks;
  const int frames = video.seconds * model.info().frame_rate;
  const int steps = SequenceSteps(frames, codebooks) - 1;
  ASSIGN_OR_RETURN(const std::shared_ptr<const VideoCondition> condition,
                   model.EncodeVideo(video, never));
  ASSIGN_OR_RETURN(const std::unique_ptr<Window> window,
                   model.OpenWindow(*condition, 0, condition->local_frames(), steps, never));
  std::vector<int32_t> tokens(static_cast<size_t>(frames) * codebooks);
  std::vector<int32_t> fed(codebooks, model.info().card), drawn(codebooks);
  for (int step = 0; step < steps; ++step) {
    StepRequest request;
    request.window = window.get();
    request.tokens = fed;
    request.sampling = &sampling;
    request.frame = step;
    request.next_tokens = drawn.data();
    RETURN_IF_ERROR(model.Step(absl::MakeSpan(&request, 1)));
    for (int k = 0; k < codebooks; ++k) {
      const int frame = FrameAt(step + 1, k);
      const bool inside = frame >= 0 && frame < frames;
      fed[k] = inside ? drawn[k] : model.info().card;
      if (inside) tokens[static_cast<size_t>(frame) * codebooks + k] = drawn[k];
    }
  }
  return tokens;
}

}  // namespace

absl::StatusOr<std::vector<float>> MakeMusic(MusicModel& model, const VideoFrames& video,
                                             const SamplingOptions& sampling) {
  ASSIGN_OR_RETURN(const std::vector<int32_t> tokens, MakeTokens(model, video, sampling));
  ASSIGN_OR_RETURN(const std::unique_ptr<AudioDecoder> decoder, model.NewAudioDecoder());
  std::vector<float> samples;
  RETURN_IF_ERROR(decoder->Push(tokens, true, &samples));
  return samples;
}

absl::StatusOr<Evaluation> Evaluate(const MusicMaker& make, uint64_t first_seed, int clips) {
  Evaluation sum;
  sum.clips = clips;
  for (int i = 0; i < clips; ++i) {
    const uint64_t seed = first_seed + static_cast<uint64_t>(i);
    const ClipSpec spec = MakeClipSpec(seed);
    ASSIGN_OR_RETURN(const std::vector<float> samples, make(seed));
    ASSIGN_OR_RETURN(const MusicMeasures measures, MeasureMusic(samples));
    sum.flatness += measures.flatness / clips;
    sum.onsets_per_second += measures.onsets_per_second / clips;
    sum.rms += measures.rms / clips;
    sum.tempo_accuracy += measures.tempo == spec.tempo ? 1.0 / clips : 0;
    sum.mode_accuracy += measures.minor == spec.minor ? 1.0 / clips : 0;
  }
  return sum;
}

MusicMaker OwnMusic(int seconds) {
  return [seconds](uint64_t seed) { return SynthesizeMusic(MakeClipSpec(seed), seconds); };
}

MusicMaker CodecMusic(const CodecModel& codec, int seconds) {
  return [&codec, seconds](uint64_t seed) -> absl::StatusOr<std::vector<float>> {
    std::vector<float> samples = SynthesizeMusic(MakeClipSpec(seed), seconds);
    RETURN_IF_ERROR(CatchTorch([&] {
      c10::NoGradGuard no_grad;
      const at::Tensor audio =
          at::from_blob(samples.data(), {1, static_cast<int64_t>(samples.size())});
      const at::Tensor latents = EncodeAudio(codec.config, codec.parameters, audio);
      const Quantized quantized = Quantize(codec.config, codec.parameters, latents);
      audio.copy_(DecodeLatents(codec.config, codec.parameters, quantized.latents));
      return absl::OkStatus();
    }));
    return samples;
  };
}

MusicMaker ModelMusic(MusicModel& model, const SamplingOptions& sampling, int seconds) {
  return [&model, sampling, seconds](uint64_t seed) {
    SamplingOptions own = sampling;
    own.seed = seed;
    return MakeMusic(model, SyntheticFrames(seed, seconds), own);
  };
}

std::string EvaluationLine(const std::string& name, const Evaluation& evaluation) {
  return absl::StrFormat(
      "%s: %d clips, flatness %.1e, onsets %.2f a second, RMS %.3f, tempo right %.1f %% (chance "
      "25), "
      "mode right %.1f %% (chance 50)",
      name, evaluation.clips, evaluation.flatness, evaluation.onsets_per_second, evaluation.rms,
      100 * evaluation.tempo_accuracy, 100 * evaluation.mode_accuracy);
}

}  // namespace vidmuse::train
