// Writes log lines through a bounded queue and a thread of its own, so that a pipe that nobody
// reads or a full disk never blocks the server.
#ifndef VIDMUSE_BASE_LOG_WRITER_H_
#define VIDMUSE_BASE_LOG_WRITER_H_

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

  // Writes to `out` from a thread of its own. `out` must outlive this object. If a write to `out`
  // may block forever, `out` must never be destroyed.
  explicit LogWriter(std::ostream* out);
  // Waits up to `kFlushTimeout` until the queued lines are written.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  static constexpr absl::Duration kFlushTimeout = absl::Milliseconds(500);

  // Queues `line` and adds an end of line. Drops it if the queue is full. Does not block.
  void Write(std::string line);

  // Waits until all lines are written. Returns false if `timeout` passes first.
  bool Flush(absl::Duration timeout);

  // Number of lines that were dropped or could not be written.
  int64_t dropped() const;

 private:
  struct State;

  // Shared with the thread, which may outlive this object if it hangs in a write.
  const std::shared_ptr<State> state_;
};

// Standard error for a LogWriter. It bypasses the buffers of the C and C++ libraries, which would
// block the end of the process if a write hangs.
std::ostream* PlainStandardError();

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_LOG_WRITER_H_
