// Decides when a server that is not live any more had better end.
#ifndef VIDMUSE_SERVER_LIVE_WATCH_H_
#define VIDMUSE_SERVER_LIVE_WATCH_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace vidmuse {

// A hang or a lost device may pass; one that lasts is helped only by a new process. One thread.
class LiveWatch {
 public:
  // How long a server that is not live is waited for.
  static constexpr absl::Duration kPatience = absl::Minutes(1);

  // Takes in Generator::Health() as of `now`. Returns what the operator should know: that the
  // server has stopped being live, or is live again.
  std::optional<std::string> Observe(const absl::Status& health, absl::Duration now);

  // Not live for longer than kPatience.
  bool over() const { return over_; }

 private:
  std::optional<absl::Duration> since_;  // it has not been live since then
  bool over_ = false;
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_LIVE_WATCH_H_
