// Gives vidmuse_fake_server its generator: model_dir decides how it behaves.
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>

#include "core/base/library_warnings.h"
#include "tests/support/fake_generator.h"
#include "vidmuse/events.h"
#include "vidmuse/generator.h"
#include "vidmuse/self_test.h"

namespace vidmuse {

namespace {

[[noreturn]] void Hang() {
  for (;;) pause();
}

// Serves well, but never ends.
class EndlessGenerator final : public FakeGenerator {
 public:
  ~EndlessGenerator() override { Hang(); }
};

}  // namespace

absl::Status SelfTest() {
  if (std::getenv("FAKE_SELF_TEST_HANGS") != nullptr) Hang();
  if (std::getenv("FAKE_SELF_TEST_FAILS") == nullptr) return absl::OkStatus();
  return absl::InternalError("tokens 1 2, expected 1 3");
}

absl::Status SelfTestDevices(const std::string&, const std::string&,
                             const std::function<void(const std::string&)>&) {
  return SelfTest();
}

absl::StatusOr<std::unique_ptr<Generator>> Generator::Create(const GeneratorOptions& options,
                                                             MetricsSink*) {
  if (options.model_dir == "missing") {
    return absl::NotFoundError("missing/state_dict.bin: no such file");
  }
  if (const char* warning = std::getenv("FAKE_TORCH_WARNING"); warning != nullptr) {
    WarnOfLibrary("torch", warning);
  }
  if (options.loaded) options.loaded();
  if (options.model_dir == "hangs") Hang();
  if (options.model_dir == "endless") return std::make_unique<EndlessGenerator>();
  auto generator = std::make_unique<FakeGenerator>();
  GenerationStarted started;
  started.seeds = {0};
  GenerationFinished finished;
  finished.loudness_lufs = {0};
  generator->SetScript({started, finished});
  return generator;
}

}  // namespace vidmuse
