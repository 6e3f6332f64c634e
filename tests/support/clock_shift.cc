// A library that is preloaded into a program to move its wall clock. The file that the environment
// variable CLOCK_SHIFT_FILE names holds the shift in seconds, as one 64-bit number, and may change
// at any time. Waits until a wall-clock time follow the shift, as they do in the kernel when the
// clock is set.
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdlib>

namespace {

const volatile int64_t* Shared() {
  static const volatile int64_t* const shift = [] {
    static const int64_t none = 0;
    const char* path = std::getenv("CLOCK_SHIFT_FILE");
    const int fd = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    void* page = fd < 0 ? MAP_FAILED : mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    if (fd >= 0) close(fd);
    return page == MAP_FAILED ? &none : static_cast<const int64_t*>(page);
  }();
  return shift;
}

// Calls the C library's syscall(), not the one that this file replaces it with.
long Kernel(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  static auto* const next = reinterpret_cast<long (*)(long, ...)>(dlsym(RTLD_NEXT, "syscall"));
  return next(number, a, b, c, d, e, f);
}

timespec Now() {
  timespec now = {};
  Kernel(SYS_clock_gettime, CLOCK_REALTIME, reinterpret_cast<long>(&now));
  now.tv_sec += *Shared();
  return now;
}

// Waits on a futex until the wall clock shows `until`. It waits in slices because the clock may be
// set meanwhile.
long WaitUntil(long futex, long op, long value, const timespec& until) {
  constexpr int64_t kSlice = 20'000'000;  // ns
  const long wait = FUTEX_WAIT | (op & FUTEX_PRIVATE_FLAG);
  for (;;) {
    const timespec now = Now();
    const int64_t left = std::clamp<int64_t>(until.tv_sec - now.tv_sec, -10, 10) * 1'000'000'000 +
                         (until.tv_nsec - now.tv_nsec);
    if (left <= 0) {
      errno = ETIMEDOUT;
      return -1;
    }
    const timespec slice = {0, std::min(left, kSlice)};
    const long result = Kernel(SYS_futex, futex, wait, value, reinterpret_cast<long>(&slice));
    if (result == 0 || errno != ETIMEDOUT) return result;
  }
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) {
  const long result = Kernel(SYS_clock_gettime, clock, reinterpret_cast<long>(time));
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    time->tv_sec += *Shared();
  }
  return static_cast<int>(result);
}

int gettimeofday(timeval* time, void*) {
  const timespec now = Now();
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* out) {
  const time_t now = Now().tv_sec;
  if (out != nullptr) *out = now;
  return now;
}

long syscall(long number, ...) {
  va_list list;
  va_start(list, number);
  long a[6];
  for (long& argument : a) argument = va_arg(list, long);
  va_end(list);
  if (number == SYS_futex && (a[1] & FUTEX_CLOCK_REALTIME) != 0 && a[3] != 0) {
    return WaitUntil(a[0], a[1], a[2], *reinterpret_cast<const timespec*>(a[3]));
  }
  return Kernel(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

}  // extern "C"
