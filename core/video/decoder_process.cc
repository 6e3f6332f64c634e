#include "core/video/decoder_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/video/sandbox_protocol.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

// The descriptors and signals that posix_spawn sets up.
class SpawnSettings {
 public:
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  // `third` is -1 or what becomes kClaimsFd. Returns false if memory is short.
  bool Fill(int request, int answer, int third) {
    sigset_t none, ignored;
    sigemptyset(&none);
    sigemptyset(&ignored);
    sigaddset(&ignored, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &ignored);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    const bool has_third = third >= 0;
    return posix_spawn_file_actions_adddup2(&actions, request, kRequestFd) == 0 &&
           posix_spawn_file_actions_adddup2(&actions, answer, kAnswerFd) == 0 &&
           posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0) ==
               0 &&
           (!has_third || posix_spawn_file_actions_adddup2(&actions, third, kClaimsFd) == 0) &&
           posix_spawn_file_actions_addclosefrom_np(
               &actions, has_third ? kClaimsFd + 1 : STDERR_FILENO + 1) == 0;
  }

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

}  // namespace

absl::Status SystemError(int error, const std::string& what) {
  const std::string message = absl::StrCat(what, ": ", std::strerror(error));
  if (error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE || error == ENOSPC) {
    return WithRetryAfter(absl::ResourceExhaustedError(message), kShortageRetryAfter);
  }
  return absl::InternalError(message);
}

absl::StatusOr<DecoderProcess> DecoderProcess::Start(const std::string& program,
                                                     const UniqueFd& request, const Setup& setup) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return SystemError(errno, "a pipe to the video decoder");
  UniqueFd answer(ends[0]);
  const UniqueFd child_end(ends[1]);
  if (fcntl(answer.get(), F_SETFL, O_NONBLOCK) != 0) {
    return SystemError(errno, "the pipe to the video decoder");
  }
  SpawnSettings settings;
  if (!settings.Fill(request.get(), child_end.get(), std::max(setup.claims, setup.source))) {
    return SystemError(ENOMEM, "starting the video decoder");
  }
  std::string zone = "TZ=UTC0";  // so that local times need no file
  std::string libraries = "LD_LIBRARY_PATH=";
  const char* path = std::getenv("LD_LIBRARY_PATH");
  if (path != nullptr) libraries += path;
  char* environment[] = {zone.data(), path == nullptr ? nullptr : libraries.data(), nullptr};
  std::string name = program;
  std::string role = absl::StrCat(static_cast<uint32_t>(setup.role));
  std::string memory = absl::StrCat(setup.memory_bytes);
  std::string seconds = absl::StrCat(setup.processor_seconds);
  std::string number = absl::StrCat(setup.number);
  std::string first = absl::StrCat(setup.part.first);
  std::string count = absl::StrCat(setup.part.count);
  std::string alignment = absl::StrCat(static_cast<int>(setup.part.alignment));
  char* arguments[] = {name.data(),  role.data(),  memory.data(),    seconds.data(), number.data(),
                       first.data(), count.data(), alignment.data(), nullptr};
  pid_t pid = 0;
  const int error = posix_spawn(&pid, program.c_str(), &settings.actions, &settings.attributes,
                                arguments, environment);
  if (error != 0) return SystemError(error, absl::StrCat("starting ", program));
  return DecoderProcess(pid, std::move(answer));
}

DecoderProcess::DecoderProcess(pid_t pid, UniqueFd answer)
    : pid_(pid), answer_(std::move(answer)) {}

DecoderProcess::DecoderProcess(DecoderProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, 0)),
      answer_(std::move(other.answer_)),
      killer_(std::move(other.killer_)) {}

DecoderProcess::~DecoderProcess() { End(); }

void DecoderProcess::EndOn(const std::stop_token& stop) {
  killer_ = std::make_unique<std::stop_callback<std::function<void()>>>(
      stop, [pid = pid_] { kill(pid, SIGKILL); });
}

void DecoderProcess::End() {
  if (pid_ == 0) return;
  killer_ = nullptr;  // before the id may be reused
  // The process was not waited for yet, so the id still belongs to it. An earlier cause of death
  // stays.
  kill(pid_, SIGKILL);
  Wait(absl::InfiniteDuration());
}

std::optional<int> DecoderProcess::TakeEnding() {
  constexpr absl::Duration kPatience = absl::Seconds(2);
  if (pid_ == 0) return std::nullopt;
  const std::optional<int> status = Wait(kPatience);
  if (!status) End();
  return status;
}

std::optional<int> DecoderProcess::Wait(absl::Duration patience) {
  const absl::Time deadline = absl::Now() + patience;
  while (true) {
    siginfo_t ended = {};
    const bool forever = patience == absl::InfiniteDuration();
    // WNOWAIT leaves the process as a zombie, so that its id is not reused yet.
    const int error =
        waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOWAIT | (forever ? 0 : WNOHANG));
    if (error != 0 && errno == EINTR) continue;
    if (error != 0 || ended.si_pid == pid_) break;
    if (absl::Now() > deadline) return std::nullopt;
    poll(nullptr, 0, 1);  // its answer is closed, so it ends soon
  }
  killer_ = nullptr;
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  return status;
}

}  // namespace vidmuse
