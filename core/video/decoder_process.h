// One running decoder program, from the server's side.
#ifndef VIDMUSE_VIDEO_DECODER_PROCESS_H_
#define VIDMUSE_VIDEO_DECODER_PROCESS_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/unique_fd.h"

namespace vidmuse {

// Not thread-safe, and bound to its thread: the program ends with the thread that started it.
// Destruction ends the program.
class DecoderProcess {
 public:
  // Starts `program` with `request` as its kRequestFd. It inherits no other descriptor, no
  // environment but LD_LIBRARY_PATH, and no signal of the server's terminal.
  // RESOURCE_EXHAUSTED: no memory, processes or descriptors left. INTERNAL: it can't be run.
  static absl::StatusOr<DecoderProcess> Start(const std::string& program, const UniqueFd& request);
  DecoderProcess(DecoderProcess&& other) noexcept;
  DecoderProcess& operator=(DecoderProcess&&) = delete;
  ~DecoderProcess();

  // Where its answer is read, without blocking.
  int answer() const { return answer_.get(); }

  // From now on a stop kills the program, in the thread that asks for it.
  void EndOn(const std::stop_token& stop);

  // Kills the program if it still runs.
  void End();

  // For a program that has closed its answer: waits for its end and returns how it ended, as
  // waitpid() tells it. Nothing: it went on, and was killed.
  std::optional<int> TakeEnding();

 private:
  DecoderProcess(pid_t pid, UniqueFd answer);
  // The wait status; nothing if it doesn't end in time.
  std::optional<int> Wait(absl::Duration patience);

  pid_t pid_;  // 0: ended
  UniqueFd answer_;
  std::unique_ptr<std::stop_callback<std::function<void()>>> killer_;
};

// How long to wait where memory, processes or descriptors are short.
inline constexpr absl::Duration kShortageRetryAfter = absl::Seconds(5);

// RESOURCE_EXHAUSTED, worth another try soon, if `error` is a shortage; INTERNAL if not.
absl::Status SystemError(int error, const std::string& what);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_DECODER_PROCESS_H_
