#include "core/video/growing_file.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <limits>

namespace vidmuse {
namespace {

// When a file is complete, no more than this part of it is still read as if it grew.
constexpr uint64_t kLastPart = 8;

}  // namespace

void Publish(UploadProgress& progress, uint64_t bytes, bool complete) {
  progress.bytes = bytes;
  progress.complete = complete ? 1 : 0;
  ++progress.changes;
  // The waiting thread may be another process's.
  syscall(SYS_futex, &progress.changes, FUTEX_WAKE, std::numeric_limits<int>::max(), nullptr,
          nullptr, 0);
}

bool GrowingFile::complete() const { return progress_.complete != 0; }

uint64_t GrowingFile::WaitFor(uint64_t position) const {
  while (true) {
    const uint32_t changes = progress_.changes;
    const bool all = complete();  // before `bytes`, which don't change once it is set
    const uint64_t bytes = progress_.bytes;
    if (all || bytes > position) return bytes;
    syscall(SYS_futex, &progress_.changes, FUTEX_WAIT, changes, nullptr, nullptr, 0);
  }
}

absl::string_view GrowingFile::WaitForAll() const {
  const uint64_t bytes = WaitFor(std::numeric_limits<uint64_t>::max());
  return {bytes_, static_cast<size_t>(bytes)};
}

absl::string_view GrowingFile::ReadWhileItGrows(uint64_t position) {
  const uint64_t bytes = WaitFor(position);
  if (position >= bytes) return {};
  if (complete() && bytes - position > bytes / kLastPart) left_.Cancel();
  if (left_.cancelled()) return {};
  return {bytes_ + position, static_cast<size_t>(bytes - position)};
}

}  // namespace vidmuse
