#include "core/model/self_test.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "core/base/cancel.h"
#include "core/base/clock.h"
#include "core/base/status_macros.h"
#include "core/model/architecture/delay_pattern.h"
#include "core/model/gpu/cuda_devices.h"
#include "core/model/synthetic/hash_model.h"
#include "vidmuse/sampling_options.h"
#include "vidmuse/self_test.h"

namespace vidmuse {
namespace {

// The tokens and the RMS that the hash model of default sizes makes of TestVideo().
constexpr int kSteps = 8;
constexpr std::array<int32_t, 4 * kSteps> kTokens = {57, 0,  28, 4,  57, 55, 44, 14, 57, 47, 58,
                                                     14, 51, 11, 58, 16, 51, 0,  28, 32, 57, 55,
                                                     55, 4,  51, 55, 44, 4,  51, 55, 44, 4};
constexpr double kRms = 0.249788766;
// Instruction sets differ in how they round the last digits.
constexpr double kRmsTolerance = 1e-3;

// Makes a video of two different frames, so that their order matters too.
VideoFrames TestVideo() {
  VideoFrames video;
  video.seconds = 1;
  for (int frame = 0; frame < 2; ++frame) {
    std::vector<uint8_t> pixels(3 * kFrameSize * kFrameSize);
    for (size_t i = 0; i < pixels.size(); ++i) {
      pixels[i] = static_cast<uint8_t>((i / kFrameSize + 3 * (i % kFrameSize) + 90 * frame) & 255);
    }
    video.frames.push_back(std::move(pixels));
  }
  video.local = {0, 1};
  for (int i = 0; i < kGlobalFrames; ++i) video.global.push_back(i * 2 / kGlobalFrames);
  return video;
}

// Returns the distance between the largest and the second largest of `logits`.
float Margin(absl::Span<const float> logits) {
  float first = -HUGE_VALF, second = -HUGE_VALF;
  for (const float logit : logits) {
    second = std::max(second, std::min(first, logit));
    first = std::max(first, logit);
  }
  return first - second;
}

absl::StatusOr<double> Rms(MusicModel& model, const std::vector<int32_t>& tokens) {
  ASSIGN_OR_RETURN(const std::unique_ptr<AudioDecoder> decoder, model.NewAudioDecoder());
  std::vector<float> samples;
  RETURN_IF_ERROR(decoder->Push(tokens, true, &samples));
  double sum = 0;
  for (const float sample : samples) sum += double{sample} * sample;
  const double rms = std::sqrt(sum / static_cast<double>(std::max<size_t>(1, samples.size())));
  if (std::isfinite(rms)) return rms;
  return absl::InternalError("the samples aren't finite");
}

absl::Status Compare(const SelfTestSong& song) {
  if (!std::equal(song.tokens.begin(), song.tokens.end(), kTokens.begin(), kTokens.end())) {
    return absl::InternalError(absl::StrCat("tokens ", absl::StrJoin(song.tokens, " "),
                                            ", expected ", absl::StrJoin(kTokens, " ")));
  }
  if (!(std::abs(song.rms - kRms) <= kRmsTolerance * kRms)) {
    return absl::InternalError(absl::StrCat("audio of an RMS of ", song.rms, ", expected ", kRms));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SelfTestSong> MakeSelfTestSong(MusicModel& model, int steps) {
  const CancelFlag never;
  const VideoFrames video = TestVideo();
  const int codebooks = model.info().codebooks;
  const int card = model.info().card;
  ASSIGN_OR_RETURN(const std::shared_ptr<const VideoCondition> condition,
                   model.EncodeVideo(video, never));
  ASSIGN_OR_RETURN(const std::unique_ptr<Window> window,
                   model.OpenWindow(*condition, 0, condition->local_frames(), steps, never));
  SamplingOptions sampling;
  sampling.greedy = true;
  sampling.cfg_coef = model.info().default_cfg_coef;
  SelfTestSong song;
  song.margin = HUGE_VALF;
  song.step_seconds = HUGE_VAL;
  std::vector<int32_t> fed(codebooks, card), drawn(codebooks);
  std::vector<float> logits(static_cast<size_t>(codebooks) * card);
  for (int step = 0; step < steps; ++step) {
    StepRequest request;
    request.window = window.get();
    request.tokens = fed;
    request.sampling = &sampling;
    request.frame = step;
    request.next_tokens = drawn.data();
    request.logits = logits.data();
    const absl::Duration begin = Clock::Real()->Monotonic();
    RETURN_IF_ERROR(model.Step(absl::MakeSpan(&request, 1)));
    song.step_seconds =
        std::min(song.step_seconds, absl::ToDoubleSeconds(Clock::Real()->Monotonic() - begin));
    song.logits.insert(song.logits.end(), logits.begin(), logits.end());
    for (int k = 0; k < codebooks; ++k) {
      fed[k] = FrameAt(step + 1, k) >= 0 ? drawn[k] : card;
      song.margin = std::min(
          song.margin, Margin(absl::MakeConstSpan(logits).subspan(size_t{1} * k * card, card)));
    }
    song.tokens.insert(song.tokens.end(), drawn.begin(), drawn.end());
  }
  ASSIGN_OR_RETURN(song.rms, Rms(model, song.tokens));
  return song;
}

namespace {

ModelOptions SelfTestOptions() {
  ModelOptions options;
  options.name = "self-test";
  options.precision = "fp32";
  options.device_threads = 1;
  options.encode_threads = 1;
  options.slots = 2;
  return options;
}

absl::StatusOr<SelfTestSong> HashModelSong(const ModelOptions& options, std::string* precision) {
  const HashModelSizes sizes;
  ASSIGN_OR_RETURN(const std::unique_ptr<MusicModel> model,
                   LoadModelFromFiles(HashLmFile(sizes), HashCodecFile(sizes), options));
  *precision = model->info().precision;
  return MakeSelfTestSong(*model, kSteps);
}

double Tolerance(absl::string_view precision) {
  if (precision == "fp32") return 1e-3;
  return precision == "fp16" ? 1e-2 : 0.1;
}

std::string StepTime(const SelfTestSong& song) {
  return absl::StrFormat("a step of the small model takes %.3f ms", 1e3 * song.step_seconds);
}

}  // namespace

absl::StatusOr<std::string> TestDevice(const ModelOptions& options, const SelfTestSong& reference) {
  std::string precision;
  ASSIGN_OR_RETURN(const SelfTestSong song, HashModelSong(options, &precision));
  if (song.tokens != reference.tokens) {
    return absl::InternalError(absl::StrCat("tokens ", absl::StrJoin(song.tokens, " "),
                                            ", expected ", absl::StrJoin(reference.tokens, " ")));
  }
  // The logits are comparable because both songs were fed the same tokens.
  double worst = 0, largest = 0;
  for (size_t i = 0; i < reference.logits.size(); ++i) {
    worst = std::max(worst, std::abs(double{song.logits[i]} - reference.logits[i]));
    largest = std::max(largest, std::abs(double{reference.logits[i]}));
  }
  worst /= largest;
  if (!(worst <= Tolerance(precision))) {
    return absl::InternalError(absl::StrCat("logits are off by ", worst,
                                            " of the largest, expected at most ",
                                            Tolerance(precision), " in ", precision));
  }
  if (!(std::abs(song.rms - reference.rms) <= kRmsTolerance * reference.rms)) {
    return absl::InternalError(
        absl::StrCat("audio of an RMS of ", song.rms, ", expected ", reference.rms));
  }
  return absl::StrCat("same tokens, logits off by ", worst, " of the largest in ", precision, ", ",
                      StepTime(song));
}

absl::Status SelfTest() {
  std::string precision;
  ASSIGN_OR_RETURN(const SelfTestSong song, HashModelSong(SelfTestOptions(), &precision));
  return Compare(song);
}

absl::Status SelfTestDevices(const std::string& devices, const std::string& precision,
                             const std::function<void(const std::string&)>& tell) {
  ASSIGN_OR_RETURN(const DeviceChoice choice, ChooseDevices(devices));
  std::string cpu_precision;
  ASSIGN_OR_RETURN(const SelfTestSong reference, HashModelSong(SelfTestOptions(), &cpu_precision));
  RETURN_IF_ERROR(Compare(reference));
  tell(absl::StrCat("cpu: known tokens in ", cpu_precision, ", ", StepTime(reference)));
  if (!choice.warning.empty()) tell(choice.warning);
  for (const std::string& device : choice.devices) {
    if (device == "cpu") continue;
    ModelOptions options = SelfTestOptions();
    options.device = device;
    options.precision = precision;
    const absl::StatusOr<std::string> found = TestDevice(options, reference);
    if (!found.ok()) {
      return absl::Status(found.status().code(),
                          absl::StrCat(device, ": ", found.status().message()));
    }
    tell(absl::StrCat(device, ": ", *found));
  }
  return absl::OkStatus();
}

}  // namespace vidmuse
