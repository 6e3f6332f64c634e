// Gives vidmuse_fake_server its generator: model_dir decides how it behaves.
#include "tests/support/fake_generator.h"
#include "vidmuse/generator.h"

namespace vidmuse {

absl::StatusOr<std::unique_ptr<Generator>> Generator::Create(const GeneratorOptions& options,
                                                             MetricsSink*) {
  if (options.model_dir == "missing") {
    return absl::NotFoundError("missing/state_dict.bin: no such file");
  }
  return std::make_unique<FakeGenerator>();
}

}  // namespace vidmuse
