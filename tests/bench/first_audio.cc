#include "tests/bench/first_audio.h"

#include <utility>
#include <variant>

#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/status_macros.h"
#include "core/generator/generator_impl.h"
#include "tests/bench/bench_model.h"
#include "tests/support/stream_reader.h"
#include "vidmuse/audio_format.h"
#include "vidmuse/events.h"
#include "vidmuse/limits.h"
#include "vidmuse/request.h"

namespace vidmuse {
namespace {

absl::StatusOr<double> FirstAudio(Generator& generator, LoudnessMode loudness) {
  GenerationRequest request;
  request.format = AudioFormat::kPcmS16le;
  request.loudness = loudness;
  ASSIGN_OR_RETURN(const std::unique_ptr<MusicStream> stream, generator.Submit(request));
  RETURN_IF_ERROR(stream->AppendVideo("decoded already"));
  const Stopwatch watch;
  RETURN_IF_ERROR(stream->FinishVideo());
  for (;;) {
    ASSIGN_OR_RETURN(const StreamEvent event, ReadEvent(*stream, absl::Minutes(5)));
    const auto* chunk = std::get_if<AudioChunk>(&event);
    if (chunk != nullptr && !chunk->data.empty()) return watch.Seconds();
  }
}

}  // namespace

absl::StatusOr<nlohmann::json> MeasureFirstAudio(std::unique_ptr<MusicModel> model,
                                                 const VideoFrames& video) {
  NullMetricsSink metrics;
  ASSIGN_OR_RETURN(const std::unique_ptr<Generator> generator,
                   NewGenerator(std::move(model),
                                ReadingWhole([&](absl::string_view, const Limits&, int,
                                                 const CancelFlag&) { return video; }),
                                GeneratorOptions(), Clock::Real(), &metrics));
  nlohmann::json result;
  ASSIGN_OR_RETURN(result["none_s"], FirstAudio(*generator, LoudnessMode::kNone));
  ASSIGN_OR_RETURN(result["streaming_s"], FirstAudio(*generator, LoudnessMode::kStreaming));
  return result;
}

}  // namespace vidmuse
