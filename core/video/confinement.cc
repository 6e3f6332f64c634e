#include "core/video/confinement.h"

#include <fcntl.h>
#include <grp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <memory>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "core/base/status_macros.h"
#include "core/video/decode_watch.h"
#include "core/video/sandbox_protocol.h"

namespace vidmuse {
namespace {

#ifdef VIDMUSE_SANITIZED
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

absl::Status SetLimit(int resource, const char* name, uint64_t value) {
  rlimit old;
  if (getrlimit(static_cast<__rlimit_resource_t>(resource), &old) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("getrlimit ", name));
  }
  const rlim_t limit = std::min<rlim_t>(value, old.rlim_max);
  const rlimit now = {limit, limit};
  if (setrlimit(static_cast<__rlimit_resource_t>(resource), &now) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("setrlimit ", name));
}

// Returns the size of the process's present address space in bytes.
absl::StatusOr<uint64_t> AddressSpace() {
  std::ifstream file("/proc/self/statm");
  uint64_t pages = 0;
  if (!(file >> pages)) return absl::UnavailableError("/proc/self/statm cannot be read");
  return pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

// The kernel's struct, since headers may have an older one. Fields that a kernel lacks must be 0.
struct LandlockRules {
  uint64_t files = 0;
  uint64_t network = 0;
  uint64_t scopes = 0;
};

LandlockRules RefuseAll(long version) {
  // The number of rights to files, each one bit, that versions 1 to 5 know.
  constexpr int kFileRights[] = {13, 14, 15, 15, 16};
  LandlockRules rules;
  rules.files = (uint64_t{1} << kFileRights[std::min<long>(version, 5) - 1]) - 1;
  if (version >= 4) rules.network = 0b11;  // binding and connecting TCP sockets
  if (version >= 6) rules.scopes = 0b11;   // abstract Unix sockets, signals to other processes
  return rules;
}

void RefuseFilesAndNetwork() {
  constexpr unsigned kVersion = 1;
  const long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, kVersion);
  if (version < 1) return;
  const LandlockRules rules = RefuseAll(version);
  const auto ruleset =
      static_cast<int>(syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0));
  if (ruleset < 0) return;
  syscall(SYS_landlock_restrict_self, ruleset, 0);
  close(ruleset);
}

void BecomeNobody() {
  constexpr gid_t kNobody = 65534;
  if (geteuid() != 0) return;
  // This fails where the container took the right away, but there root can do little.
  if (setgroups(0, nullptr) != 0 || setresgid(kNobody, kNobody, kNobody) != 0) return;
  if (setresuid(kNobody, kNobody, kNobody) != 0) return;
}

}  // namespace

absl::Status LimitResources(const Limits& limits) {
  // Best effort: if the file can't be written, the kernel chooses by size.
  std::ofstream("/proc/self/oom_score_adj") << 1000;
  ASSIGN_OR_RETURN(const uint64_t used, AddressSpace());
  if (!kSanitized) {
    RETURN_IF_ERROR(
        SetLimit(RLIMIT_AS, "AS", used + MaxFrameBytes(limits) + limits.max_decoder_bytes));
  }
  LimitProcessorTime(DecodeTimeLimit(limits));
  RETURN_IF_ERROR(SetLimit(RLIMIT_CORE, "CORE", 0));
  RETURN_IF_ERROR(SetLimit(RLIMIT_FSIZE, "FSIZE", 0));
  RETURN_IF_ERROR(SetLimit(RLIMIT_NPROC, "NPROC", 0));
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return absl::ErrnoToStatus(errno, "prctl NO_NEW_PRIVS");
  }
  if (!kSanitized) RefuseFilesAndNetwork();  // needs a descriptor, so it comes before NOFILE
  RETURN_IF_ERROR(SetLimit(RLIMIT_NOFILE, "NOFILE", 0));
  if (!kSanitized) BecomeNobody();
  // Core dumps that are piped to a program ignore RLIMIT_CORE.
  if (prctl(PR_SET_DUMPABLE, 0) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, "prctl DUMPABLE");
}

void LimitProcessorTime(absl::Duration time_limit, absl::Duration slack) {
  rlimit limit;
  if (getrlimit(RLIMIT_CPU, &limit) != 0) return;
  // SIGXCPU, which tells the cause, comes before SIGKILL.
  const auto seconds =
      static_cast<rlim_t>(absl::ToInt64Seconds(std::max(time_limit, absl::ZeroDuration()) + slack));
  limit.rlim_cur = std::min(limit.rlim_max, seconds);
  limit.rlim_max = std::min(limit.rlim_max, seconds + 5);
  setrlimit(RLIMIT_CPU, &limit);
}

absl::Status FilterSystemCalls() {
  if (kSanitized) return absl::OkStatus();
  using Filter = std::unique_ptr<std::remove_pointer_t<scmp_filter_ctx>, void (*)(scmp_filter_ctx)>;
  const Filter filter(seccomp_init(SCMP_ACT_KILL_PROCESS), &seccomp_release);
  if (filter == nullptr) {
    return absl::UnavailableError("the kernel has no seccomp filters that end a process");
  }
  int error = seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  const auto rule = [&](uint32_t action, int call, const std::initializer_list<scmp_arg_cmp>& on) {
    if (error != 0) return;
    error = seccomp_rule_add_array(filter.get(), action, call, static_cast<unsigned>(on.size()),
                                   std::data(on));
  };
  for (const int call :
       {SCMP_SYS(brk), SCMP_SYS(clock_gettime), SCMP_SYS(exit), SCMP_SYS(exit_group),
        SCMP_SYS(futex), SCMP_SYS(getpid), SCMP_SYS(getrandom), SCMP_SYS(gettid),
        SCMP_SYS(gettimeofday), SCMP_SYS(madvise), SCMP_SYS(mremap), SCMP_SYS(munmap),
        SCMP_SYS(restart_syscall), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
        SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield), SCMP_SYS(sysinfo), SCMP_SYS(time)}) {
    rule(SCMP_ACT_ALLOW, call, {});
  }
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)}) {
    rule(SCMP_ACT_ALLOW, call, {SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)});
  }
  rule(SCMP_ACT_ALLOW, SCMP_SYS(prlimit64),
       {SCMP_A0(SCMP_CMP_EQ, 0, 0), SCMP_A1(SCMP_CMP_EQ, RLIMIT_CPU, 0)});
  rule(SCMP_ACT_ALLOW, SCMP_SYS(write), {SCMP_A0(SCMP_CMP_EQ, kAnswerFd, 0)});
  // abort() writes a message, then sends a signal to its own process.
  for (const int call : {SCMP_SYS(write), SCMP_SYS(writev)}) {
    rule(SCMP_ACT_ALLOW, call, {SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO, 0)});
  }
  rule(SCMP_ACT_ALLOW, SCMP_SYS(tgkill),
       {SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(getpid()), 0)});
  // Libraries look for optional files and work without them.
  for (const int call : {SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(newfstatat),
                         SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(readlink), SCMP_SYS(stat)}) {
    rule(SCMP_ACT_ERRNO(EACCES), call, {});
  }
  if (error == 0) error = seccomp_load(filter.get());
  if (error == 0) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("the kernel takes no seccomp filter (error ", -error, ")"));
}

}  // namespace vidmuse
