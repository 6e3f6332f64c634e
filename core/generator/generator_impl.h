// Builds a generator from any models and any video decoder. Generator::Create uses it with the real
// ones, and tests use it with fakes.
#ifndef VIDMUSE_GENERATOR_GENERATOR_IMPL_H_
#define VIDMUSE_GENERATOR_GENERATOR_IMPL_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/generator/job.h"
#include "core/model/music_model.h"
#include "core/video/sound_decoder.h"
#include "vidmuse/generator.h"

namespace vidmuse {

// A generator over one or more devices. Each model gets a device thread of its own, and each
// request goes to the least loaded device. `options.limits` holds for all devices together, except
// for max_batch, which holds for each device.
// INVALID_ARGUMENT: an option is out of range. RESOURCE_EXHAUSTED: too little memory for one window
// (see KvBudget). `metrics` and `clock` must outlive the generator.
absl::StatusOr<std::unique_ptr<Generator>> NewGenerator(
    std::vector<std::unique_ptr<MusicModel>> models, VideoOpener open_video,
    const GeneratorOptions& options, const Clock* clock, MetricsSink* metrics,
    SoundDecoder decode_sound = DecodeSound);

// The same with a single device.
absl::StatusOr<std::unique_ptr<Generator>> NewGenerator(std::unique_ptr<MusicModel> model,
                                                        VideoOpener open_video,
                                                        const GeneratorOptions& options,
                                                        const Clock* clock, MetricsSink* metrics,
                                                        SoundDecoder decode_sound = DecodeSound);

}  // namespace vidmuse

#endif  // VIDMUSE_GENERATOR_GENERATOR_IMPL_H_
