// Decides when a server that is no longer live should end.
#ifndef VIDMUSE_SERVER_LIVE_WATCH_H_
#define VIDMUSE_SERVER_LIVE_WATCH_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace vidmuse {

// A hang or a lost device may recover; if it does not, only a new process helps. Not thread-safe.
class LiveWatch {
 public:
  // How long a server may stay not live before it should end.
  static constexpr absl::Duration kPatience = absl::Minutes(1);

  // Takes Generator::Health() at the monotonic time `now`. Returns a message for the operator if
  // the server has stopped being live or is live again.
  std::optional<std::string> Observe(const absl::Status& health, absl::Duration now);

  // True if the server has not been live for longer than kPatience.
  bool over() const { return over_; }

 private:
  std::optional<absl::Duration> since_;  // when it stopped being live
  bool over_ = false;
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_LIVE_WATCH_H_
