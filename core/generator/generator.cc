#include "vidmuse/generator.h"

#include <utility>

#include "core/base/status_macros.h"
#include "core/generator/generator_impl.h"
#include "core/model/load_model.h"
#include "core/video/frame_sampler.h"

namespace vidmuse {

absl::StatusOr<std::unique_ptr<Generator>> Generator::Create(const GeneratorOptions& options,
                                                             MetricsSink* metrics) {
  ModelOptions model_options;
  model_options.model_dir = options.model_dir;
  model_options.codec_dir = options.codec_dir;
  model_options.name = options.model_name;
  model_options.device = options.device;
  model_options.precision = options.precision;
  model_options.device_threads = options.device_threads;
  model_options.encode_threads = options.encode_threads;
  ASSIGN_OR_RETURN(std::unique_ptr<MusicModel> model, LoadModel(model_options));
  return NewGenerator(std::move(model), SampleVideo, options, Clock::Real(), metrics);
}

}  // namespace vidmuse
