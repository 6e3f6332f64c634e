// Where log lines go: a bounded queue and a thread that writes, so that a pipe that nobody reads or
// a disk that is full never holds up the server.
#ifndef VIDMUSE_SERVER_LOG_WRITER_H_
#define VIDMUSE_SERVER_LOG_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <ostream>
#include <string>

#include "absl/time/time.h"

namespace vidmuse {

// Thread-safe.
class LogWriter {
 public:
  static constexpr size_t kMaxQueuedBytes = 4 << 20;

  // Writes to `out` from a thread of its own. `out` outlives this, and the process if it may block
  // for ever.
  explicit LogWriter(std::ostream* out);
  // Waits until what is queued is written, for up to `kFlushTimeout`.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  static constexpr absl::Duration kFlushTimeout = absl::Milliseconds(500);

  // Queues `line`; an end of line is added. Drops it if the queue is full. Does not block.
  void Write(std::string line);

  // False if not everything was written within `timeout`.
  bool Flush(absl::Duration timeout);

  // Lines that were dropped or could not be written.
  int64_t dropped() const;

 private:
  struct State;

  // The thread's too: it is left behind if it hangs in a write.
  const std::shared_ptr<State> state_;
};

// Standard error, for a LogWriter: without the buffers of the language's libraries, which would
// wait at the end of the process for a write that hangs.
std::ostream* PlainStandardError();

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_LOG_WRITER_H_
