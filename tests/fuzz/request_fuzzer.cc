// Fuzzes the conversion of a request's config, resume tokens included, to the core's request.
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/generator/admission.h"
#include "server/convert.h"
#include "tests/fuzz/require.h"
#include "vidmuse/model_info.h"
#include "vidmuse/sampling_options.h"

namespace {

void CheckSampling(const vidmuse::SamplingOptions& sampling) {
  FUZZ_REQUIRE(sampling.temperature >= 0 && sampling.temperature <= 10);
  FUZZ_REQUIRE(sampling.top_k >= 0 && sampling.top_k <= 65536);
  FUZZ_REQUIRE(sampling.top_p >= 0 && sampling.top_p <= 1);
  FUZZ_REQUIRE(sampling.cfg_coef >= 0 && sampling.cfg_coef <= 20);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  vidmuse::v1::GenerateMusicRequest message;
  if (!message.ParseFromArray(data, static_cast<int>(size))) return 0;
  vidmuse::ModelInfo model;
  model.encodes_audio = true;
  const auto request = vidmuse::ToRequest(message.config(), model);
  if (!request.ok()) {
    FUZZ_REQUIRE(request.status().code() == absl::StatusCode::kInvalidArgument);
    FUZZ_REQUIRE(request.status().message().size() < 500);
    return 0;
  }
  CheckSampling(request->sampling);
  FUZZ_REQUIRE(std::isfinite(request->max_seconds) && request->max_seconds >= 0);
  FUZZ_REQUIRE(request->variants >= 1 && request->variants <= vidmuse::kMaxVariants);
  FUZZ_REQUIRE(request->window_overlap_seconds >= 0.5 && request->window_overlap_seconds <= 20);
  FUZZ_REQUIRE(request->chunk_seconds >= 0 && request->chunk_seconds <= 30);
  FUZZ_REQUIRE(!request->declared_seconds || std::isfinite(*request->declared_seconds));
  FUZZ_REQUIRE(request->prompt_audio == message.config().prompt_audio());
  if (request->resume) {
    FUZZ_REQUIRE(request->resume->variants.size() == static_cast<size_t>(request->variants));
    for (const vidmuse::ResumeVariant& variant : request->resume->variants) {
      FUZZ_REQUIRE(variant.tokens.size() % model.codebooks == 0);
      for (const uint16_t token : variant.tokens) FUZZ_REQUIRE(token < model.card);
    }
  }
  // The core's own check must accept what the conversion accepts.
  FUZZ_REQUIRE(vidmuse::ValidateRequest(*request, model, {}).ok());
  return 0;
}
