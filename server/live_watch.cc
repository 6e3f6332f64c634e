#include "server/live_watch.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace vidmuse {

std::optional<std::string> LiveWatch::Observe(const absl::Status& health, absl::Duration now) {
  if (health.ok()) {
    over_ = false;
    if (!std::exchange(since_, std::nullopt)) return std::nullopt;
    return "live again";
  }
  over_ = since_ && now - *since_ > kPatience;
  if (since_) return std::nullopt;
  since_ = now;
  return absl::StrCat("not live: ", health.message());
}

}  // namespace vidmuse
