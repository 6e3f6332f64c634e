#include "core/engine/probe.h"

#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/catch_exceptions.h"
#include "core/base/status_macros.h"
#include "vidmuse/sampling_options.h"

namespace vidmuse {
namespace {

absl::Status Probe(MusicModel& model) {
  const CancelFlag never;
  VideoFrames black;
  black.seconds = 1;
  black.frames.emplace_back(size_t{3} * kFrameSize * kFrameSize);
  black.local.assign(kLocalFrameRate, 0);
  black.global.assign(kGlobalFrames, 0);
  ASSIGN_OR_RETURN(const std::shared_ptr<const VideoCondition> condition,
                   model.EncodeVideo(black, never));
  ASSIGN_OR_RETURN(const std::unique_ptr<Window> window,
                   model.OpenWindow(*condition, 0, condition->local_frames(), 1, never));
  SamplingOptions sampling;
  sampling.greedy = true;
  sampling.cfg_coef = model.info().default_cfg_coef;
  const std::vector<int32_t> fed(model.info().codebooks, model.info().card);
  std::vector<int32_t> drawn(fed.size());
  StepRequest request;
  request.window = window.get();
  request.tokens = fed;
  request.sampling = &sampling;
  request.next_tokens = drawn.data();
  return model.Step(absl::MakeSpan(&request, 1));
}

}  // namespace

absl::Status ProbeModel(MusicModel& model) {
  return CatchExceptions("a probe step failed", [&] { return Probe(model); });
}

}  // namespace vidmuse
