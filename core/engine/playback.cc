#include "core/engine/playback.h"

#include <algorithm>

namespace vidmuse {

std::optional<absl::Duration> Playback::Deliver(absl::Duration now, absl::Duration length,
                                                absl::Duration end) {
  MutexLock lock(&mutex_);
  std::optional<absl::Duration> left;
  if (begun_) left = plays_until_ - now;
  begun_ = true;
  plays_until_ = left > absl::ZeroDuration() ? plays_until_ + length : now + length;
  delivered_ = end;
  return left;
}

std::optional<absl::Duration> Playback::Lead(absl::Duration now, absl::Duration made) const {
  MutexLock lock(&mutex_);
  if (!begun_) return std::nullopt;
  return made - delivered_ + std::max(plays_until_ - now, absl::ZeroDuration());
}

}  // namespace vidmuse
