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
#include "core/video/frame_part.h"
#include "core/video/sandbox_protocol.h"

namespace vidmuse {

// Not thread-safe, and bound to its thread: when the thread that started the program ends, the
// program ends too. Destruction ends the program.
class DecoderProcess {
 public:
  // What a process gets.
  struct Setup {
    DecoderRole role = DecoderRole::kFirst;
    FramePart part;
    int source = -1;  // for kWholeSound and kPictures only: descriptor of the file
    // The rest is for kGroups only.
    uint64_t memory_bytes = 0;      // instead of the request's max_decoder_bytes
    int64_t processor_seconds = 0;  // at least 1
    int number = 0;                 // of the process among the video's
    int claims = -1;                // descriptor of GroupClaims
  };

  // Starts `program` with `request` as its kRequestFd. The program inherits no other descriptor,
  // gets an environment of TZ and LD_LIBRARY_PATH alone, and receives no signals from the server's
  // terminal. RESOURCE_EXHAUSTED means that memory, processes or descriptors are short; INTERNAL
  // that the program can't be run.
  static absl::StatusOr<DecoderProcess> Start(const std::string& program, const UniqueFd& request,
                                              const Setup& setup);
  DecoderProcess(DecoderProcess&& other) noexcept;
  DecoderProcess& operator=(DecoderProcess&&) = delete;
  ~DecoderProcess();

  // The descriptor from which the answer is read, without blocking.
  int answer() const { return answer_.get(); }

  // From now on a request to stop kills the program, in the thread that makes the request.
  void EndOn(const std::stop_token& stop);

  // Kills the program if it is still running.
  void End();

  // For a program that has closed its answer: waits for its end and returns its status as waitpid()
  // does. Returns nothing if the program continued and had to be killed.
  std::optional<int> TakeEnding();

 private:
  DecoderProcess(pid_t pid, UniqueFd answer);
  // Returns the wait status, or nothing if the program doesn't end in time.
  std::optional<int> Wait(absl::Duration patience);

  pid_t pid_;  // 0: ended
  UniqueFd answer_;
  std::unique_ptr<std::stop_callback<std::function<void()>>> killer_;
};

// How long a client should wait when memory, processes or descriptors are short.
inline constexpr absl::Duration kShortageRetryAfter = absl::Seconds(5);

// Returns RESOURCE_EXHAUSTED with a time to retry after if `error` is a shortage, else INTERNAL.
absl::Status SystemError(int error, const std::string& what);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_DECODER_PROCESS_H_
