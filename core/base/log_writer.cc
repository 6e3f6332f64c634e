#include "core/base/log_writer.h"

#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <streambuf>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "core/base/mutex.h"

namespace vidmuse {
namespace {

class DescriptorBuffer final : public std::streambuf {
 public:
  explicit DescriptorBuffer(int fd) : fd_(fd) {}

 private:
  std::streamsize xsputn(const char* bytes, std::streamsize count) override {
    std::streamsize done = 0;
    while (done < count) {
      const ssize_t written = write(fd_, bytes + done, static_cast<size_t>(count - done));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) break;
      done += written;
    }
    return done;
  }
  int_type overflow(int_type c) override {
    const char byte = traits_type::to_char_type(c);
    return xsputn(&byte, 1) == 1 ? c : traits_type::eof();
  }

  const int fd_;
};

}  // namespace

std::ostream* PlainStandardError() {
  // Never freed, because a thread may hang in it when the process ends.
  static auto* const out = new std::ostream(new DescriptorBuffer(STDERR_FILENO));
  return out;
}

struct LogWriter::State {
  void Run(std::ostream* out);

  Mutex mutex;
  std::deque<std::string> lines ABSL_GUARDED_BY(mutex);
  size_t bytes ABSL_GUARDED_BY(mutex) = 0;  // total size of `lines`
  bool writing ABSL_GUARDED_BY(mutex) = false;
  int64_t dropped ABSL_GUARDED_BY(mutex) = 0;
  bool stopping ABSL_GUARDED_BY(mutex) = false;
  bool stopped ABSL_GUARDED_BY(mutex) = false;
};

void LogWriter::State::Run(std::ostream* out) {
  pthread_setname_np(pthread_self(), "vm-log");
  MutexLock lock(&mutex);
  for (;;) {
    mutex.Await([this]()
                    ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) { return stopping || !lines.empty(); });
    if (lines.empty()) break;
    std::deque<std::string> batch = std::exchange(lines, {});
    bytes = 0;
    writing = true;
    mutex.Unlock();
    int64_t failed = 0;
    for (const std::string& line : batch) {
      *out << line << std::flush;
      failed += !out->good();
      out->clear();  // a full disk may have room for the next line
    }
    mutex.Lock();
    writing = false;
    dropped += failed;
  }
  stopped = true;
}

LogWriter::LogWriter(std::ostream* out) : state_(std::make_shared<State>()) {
  std::thread([state = state_, out] { state->Run(out); }).detach();
}

LogWriter::~LogWriter() {
  MutexLock lock(&state_->mutex);
  state_->stopping = true;
  state_->mutex.AwaitFor(kFlushTimeout, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(state_->mutex) {
    return state_->stopped;
  });
}

void LogWriter::Write(std::string line) {
  line.push_back('\n');
  MutexLock lock(&state_->mutex);
  if (state_->bytes + line.size() > kMaxQueuedBytes) {
    ++state_->dropped;
    return;
  }
  state_->bytes += line.size();
  state_->lines.push_back(std::move(line));
}

bool LogWriter::Flush(absl::Duration timeout) {
  MutexLock lock(&state_->mutex);
  return state_->mutex.AwaitFor(timeout, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(state_->mutex) {
    return state_->lines.empty() && !state_->writing;
  });
}

int64_t LogWriter::dropped() const {
  MutexLock lock(&state_->mutex);
  return state_->dropped;
}

}  // namespace vidmuse
