// The generator over any model and any video decoder: what Generator::Create builds, and what tests
// build with fakes.
#ifndef VIDMUSE_GENERATOR_GENERATOR_IMPL_H_
#define VIDMUSE_GENERATOR_GENERATOR_IMPL_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/generator/job.h"
#include "core/model/music_model.h"
#include "vidmuse/generator.h"

namespace vidmuse {

// Over several devices: each model gets a thread of its own, and requests go to the least loaded.
// `options.limits` holds for all together, but for max_batch, which is a device's.
absl::StatusOr<std::unique_ptr<Generator>> NewGenerator(
    std::vector<std::unique_ptr<MusicModel>> models, VideoSampler sample_video,
    const GeneratorOptions& options, const Clock* clock, MetricsSink* metrics);

// INVALID_ARGUMENT: an option out of range. `metrics` and `clock` outlive the generator.
absl::StatusOr<std::unique_ptr<Generator>> NewGenerator(std::unique_ptr<MusicModel> model,
                                                        VideoSampler sample_video,
                                                        const GeneratorOptions& options,
                                                        const Clock* clock, MetricsSink* metrics);

}  // namespace vidmuse

#endif  // VIDMUSE_GENERATOR_GENERATOR_IMPL_H_
