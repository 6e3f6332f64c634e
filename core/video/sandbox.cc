#include "core/video/sandbox.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/base/unique_fd.h"
#include "core/video/answer_reader.h"
#include "core/video/decode_watch.h"
#include "core/video/decoder_process.h"
#include "core/video/sandbox_protocol.h"

namespace vidmuse {
namespace {

constexpr uint64_t kLeastMemory = 16 << 20;  // with less, no video can be decoded

absl::Status Refusal(const AnswerReader::Answer& answer) {
  absl::Status status = absl::InvalidArgumentError(answer.message);
  const uint32_t limit = answer.header.limit;
  if (limit < 1 || limit > std::size(kAnswerLimits)) return status;
  return AboutLimit(std::move(status), kAnswerLimits[limit - 1], answer.header.value);
}

absl::Status WriteAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError(errno, "handing the video to its decoder");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

// Makes a sealed memory file that holds the request and the video.
absl::StatusOr<UniqueFd> MakeRequestFile(const DecodeRequest& request, absl::string_view video) {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  constexpr unsigned kNoExec = 8;  // MFD_NOEXEC_SEAL, since Linux 6.3
  int fd = memfd_create("vidmuse_video", kFlags | kNoExec);
  if (fd < 0 && errno == EINVAL) fd = memfd_create("vidmuse_video", kFlags);
  UniqueFd file(fd);
  if (fd < 0) return SystemError(errno, "memfd_create");
  const auto* header = reinterpret_cast<const char*>(&request);
  RETURN_IF_ERROR(WriteAll(fd, absl::string_view(header, sizeof(request))));
  RETURN_IF_ERROR(WriteAll(fd, video));
  if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
    return SystemError(errno, "sealing the video");
  }
  return file;
}

// Returns how a program ended: "signal 11", "exit code 1".
std::string Ending(int wait_status) {
  return WIFSIGNALED(wait_status) ? absl::StrCat("signal ", WTERMSIG(wait_status))
                                  : absl::StrCat("exit code ", WEXITSTATUS(wait_status));
}

// SIGKILL comes from the kernel when memory runs out, or from an operator, not from the video.
absl::Status Killed() {
  return WithRetryAfter(
      absl::ResourceExhaustedError("the video's decoder was killed (signal 9): memory is short"),
      kShortageRetryAfter);
}

bool WasKilled(int wait_status) {
  return WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL;
}

// For a program that ended before it looked at the video.
absl::Status NotStarted(std::optional<int> wait_status) {
  if (!wait_status)
    return absl::InternalError("the video decoder could not start: it said nothing");
  const std::string message =
      absl::StrCat("the video decoder could not start (", Ending(*wait_status), ")");
  if (!WIFSIGNALED(*wait_status)) return absl::InternalError(message);
  return WithRetryAfter(absl::ResourceExhaustedError(message), kShortageRetryAfter);
}

// For a program that ended, or had to be ended, while it looked at the video.
absl::Status Crashed(std::optional<int> wait_status, const Limits& limits) {
  if (!wait_status) {
    return absl::InvalidArgumentError("the video crashed its decoder (it stopped answering)");
  }
  const int status = *wait_status;
  if (WasKilled(status)) return Killed();
  if (WIFEXITED(status) && WEXITSTATUS(status) == kExitOutOfMemory) {
    return absl::InvalidArgumentError(
        absl::StrCat("the video needs more memory to decode than the limit max_decoder_bytes of ",
                     limits.max_decoder_bytes));
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) {
    return absl::InvalidArgumentError(
        absl::StrCat("the video made its decoder do what it must not (", Ending(status), ")"));
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
    return absl::InvalidArgumentError("the video takes more processor time to decode than it may");
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the video crashed its decoder (", Ending(status), ")"));
}

// One decoder process for one video.
class Run {
 public:
  Run(DecoderProcess process, DecodeWatch& watch, const Limits& limits)
      : process_(std::move(process)),
        watch_(watch),
        reader_(process_.answer(), watch),
        limits_(limits) {
    process_.EndOn(watch.cancel_token());
  }

  // Returns why system calls are not filtered; empty if they are.
  absl::StatusOr<std::string> ReadStart();
  absl::StatusOr<VideoFrames> ReadResult(int max_seconds);

 private:
  absl::StatusOr<VideoFrames> ReadFramesOrRefusal(int max_seconds);

  DecoderProcess process_;
  DecodeWatch& watch_;
  AnswerReader reader_;
  const Limits& limits_;
};

absl::StatusOr<std::string> Run::ReadStart() {
  absl::StatusOr<AnswerReader::Answer> answer = reader_.ReadAnswer();
  if (absl::IsDataLoss(answer.status())) return NotStarted(process_.TakeEnding());
  if (!answer.ok()) return answer.status();
  switch (answer->header.kind) {
    case AnswerKind::kConfined:
      return std::string();
    case AnswerKind::kUnfiltered:
      return answer->message;
    case AnswerKind::kNotStarted:
      return absl::InternalError(
          absl::StrCat("the video decoder could not start: ", answer->message));
    default:
      return absl::InternalError("the video decoder is not this server's");
  }
}

absl::StatusOr<VideoFrames> Run::ReadFramesOrRefusal(int max_seconds) {
  ASSIGN_OR_RETURN(AnswerReader::Answer answer, reader_.ReadAnswer());
  if (answer.header.kind == AnswerKind::kTimeLimit) {
    const auto limit = absl::Seconds(std::max(answer.header.seconds, 0));
    watch_.SetTimeLimit(std::min(limit, DecodeTimeLimit(limits_)));
    ASSIGN_OR_RETURN(answer, reader_.ReadAnswer());
  }
  switch (answer.header.kind) {
    case AnswerKind::kFrames:
      return reader_.ReadFrames(answer.header, max_seconds);
    case AnswerKind::kRefused:
      return Refusal(answer);
    default:
      return absl::UnknownError("an answer out of order");
  }
}

absl::StatusOr<VideoFrames> Run::ReadResult(int max_seconds) {
  absl::StatusOr<VideoFrames> frames = ReadFramesOrRefusal(max_seconds);
  if (absl::IsDataLoss(frames.status())) return Crashed(process_.TakeEnding(), limits_);
  if (absl::IsUnknown(frames.status())) {
    return absl::InvalidArgumentError(absl::StrCat("the video crashed its decoder (its result is ",
                                                   frames.status().message(), ")"));
  }
  return frames;
}

absl::StatusOr<DecoderProcess> StartDecoder(const std::string& program, VideoSandbox::Filter filter,
                                            absl::string_view file, const Limits& limits,
                                            int max_seconds) {
  DecodeRequest request = {};
  request.magic = kRequestMagic;
  request.server_pid = getpid();
  request.max_seconds = max_seconds;
  request.require_filter = filter == VideoSandbox::Filter::kRequired;
  request.limits = limits;
  ASSIGN_OR_RETURN(const UniqueFd request_file, MakeRequestFile(request, file));
  return DecoderProcess::Start(program, request_file);
}

}  // namespace

absl::StatusOr<std::unique_ptr<VideoSandbox>> VideoSandbox::Create(std::string program,
                                                                   Filter filter,
                                                                   uint64_t decoders_bytes) {
  if (decoders_bytes == 0) decoders_bytes = DefaultDecoderBudget();
  std::unique_ptr<VideoSandbox> sandbox(
      new VideoSandbox(std::move(program), filter, decoders_bytes));
  const absl::Status works = sandbox->Probe();
  if (works.ok()) return sandbox;
  return absl::UnavailableError(works.message());
}

std::string VideoSandbox::DefaultProgram() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  return (self.parent_path() / "vidmuse_video_decoder").string();
}

absl::Status VideoSandbox::Probe() {
  const Limits limits;
  const CancelFlag never;
  DecodeWatch watch(never, DecodeTimeLimit(limits));
  ASSIGN_OR_RETURN(DecoderProcess process, StartDecoder(program_, filter_, "", limits, 0));
  ASSIGN_OR_RETURN(unfiltered_, Run(std::move(process), watch, limits).ReadStart());
  return absl::OkStatus();
}

absl::StatusOr<VideoFrames> VideoSandbox::Sample(absl::string_view file, const Limits& limits,
                                                 int max_seconds, const CancelFlag& cancel) const {
  // The decoder's frames and its copy of the video take memory too.
  const uint64_t beside = MaxFrameBytes(limits) + file.size();
  Limits granted = limits;
  // A small budget limits the memory of each decoder, and then one decoder may take all of it.
  const uint64_t most = std::max(budget_.bytes() - std::min(beside, budget_.bytes()), kLeastMemory);
  granted.max_decoder_bytes = std::min(limits.max_decoder_bytes, most);
  ASSIGN_OR_RETURN(const DecoderBudget::Share share,
                   budget_.Take(granted.max_decoder_bytes + beside, cancel));
  DecodeWatch watch(cancel, ReadTimeLimit(file.size(), limits));
  RETURN_IF_ERROR(watch.Check());
  ASSIGN_OR_RETURN(DecoderProcess process,
                   StartDecoder(program_, filter_, file, granted, max_seconds));
  Run run(std::move(process), watch, granted);
  RETURN_IF_ERROR(run.ReadStart().status());
  int most_seconds = static_cast<int>(std::ceil(limits.max_video_seconds));
  if (max_seconds > 0) most_seconds = std::min(most_seconds, max_seconds);
  return run.ReadResult(most_seconds);
}

}  // namespace vidmuse
