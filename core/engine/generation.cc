#include "core/engine/generation.h"

#include "core/base/catch_exceptions.h"

namespace vidmuse {

void TellEnd(Generation& generation, const absl::Status& status) {
  const auto tell = [&](const absl::Status& end) {
    return CatchExceptions("the request failed", [&] { generation.OnGenerated(end); });
  };
  const absl::Status thrown = tell(status);
  if (!thrown.ok()) tell(status.ok() ? thrown : status).IgnoreError();
}

}  // namespace vidmuse
