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

absl::Status WriteAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError(errno, "handing the video to its decoder");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

// A sealed memory file of the request and the video.
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

// How a program ended: "signal 11", "exit code 1".
std::string Ending(int wait_status) {
  return WIFSIGNALED(wait_status) ? absl::StrCat("signal ", WTERMSIG(wait_status))
                                  : absl::StrCat("exit code ", WEXITSTATUS(wait_status));
}

// The program ended before it had looked at the video.
absl::Status NotStarted(int wait_status) {
  const std::string message =
      absl::StrCat("the video decoder could not start (", Ending(wait_status), ")");
  // It is killed where memory runs out.
  return WIFSIGNALED(wait_status) ? absl::ResourceExhaustedError(message)
                                  : absl::InternalError(message);
}

// The program ended, or had to be ended, while it looked at the video.
absl::Status Crashed(int wait_status, const Limits& limits) {
  if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == kExitOutOfMemory) {
    return absl::InvalidArgumentError(
        absl::StrCat("the video needs more memory to decode than the limit max_decoder_bytes of ",
                     limits.max_decoder_bytes));
  }
  if (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGSYS) {
    return absl::InvalidArgumentError(
        absl::StrCat("the video made its decoder do what it must not (", Ending(wait_status), ")"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the video crashed its decoder (", Ending(wait_status), ")"));
}

// One video in one process.
class Run {
 public:
  Run(DecoderProcess process, const DecodeWatch& watch, const Limits& limits)
      : process_(std::move(process)), reader_(process_.answer(), watch), limits_(limits) {
    process_.EndOn(watch.cancel_token());
  }

  // Why system calls are not filtered; empty if they are.
  absl::StatusOr<std::string> ReadStart();
  absl::StatusOr<VideoFrames> ReadResult(int max_seconds);

 private:
  absl::StatusOr<VideoFrames> ReadFramesOrRefusal(int max_seconds);

  DecoderProcess process_;
  AnswerReader reader_;
  const Limits& limits_;
};

absl::StatusOr<std::string> Run::ReadStart() {
  absl::StatusOr<AnswerReader::Answer> answer = reader_.ReadAnswer();
  if (absl::IsDataLoss(answer.status())) return NotStarted(process_.End());
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
  ASSIGN_OR_RETURN(const AnswerReader::Answer answer, reader_.ReadAnswer());
  switch (answer.header.kind) {
    case AnswerKind::kFrames:
      return reader_.ReadFrames(answer.header, max_seconds);
    case AnswerKind::kRefused:
      return absl::InvalidArgumentError(answer.message);
    default:
      return absl::UnknownError("an answer out of order");
  }
}

absl::StatusOr<VideoFrames> Run::ReadResult(int max_seconds) {
  absl::StatusOr<VideoFrames> frames = ReadFramesOrRefusal(max_seconds);
  if (absl::IsDataLoss(frames.status())) return Crashed(process_.End(), limits_);
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
                                                                   Filter filter) {
  std::unique_ptr<VideoSandbox> sandbox(new VideoSandbox(std::move(program), filter));
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
  const DecodeWatch watch(never, DecodeTimeLimit(limits));
  ASSIGN_OR_RETURN(DecoderProcess process, StartDecoder(program_, filter_, "", limits, 0));
  ASSIGN_OR_RETURN(unfiltered_, Run(std::move(process), watch, limits).ReadStart());
  return absl::OkStatus();
}

absl::StatusOr<VideoFrames> VideoSandbox::Sample(absl::string_view file, const Limits& limits,
                                                 int max_seconds, const CancelFlag& cancel) const {
  const DecodeWatch watch(cancel, DecodeTimeLimit(limits));
  RETURN_IF_ERROR(watch.Check());
  ASSIGN_OR_RETURN(DecoderProcess process,
                   StartDecoder(program_, filter_, file, limits, max_seconds));
  Run run(std::move(process), watch, limits);
  ASSIGN_OR_RETURN(const std::string unfiltered, run.ReadStart());
  int most_seconds = static_cast<int>(std::ceil(limits.max_video_seconds));
  if (max_seconds > 0) most_seconds = std::min(most_seconds, max_seconds);
  return run.ReadResult(most_seconds);
}

}  // namespace vidmuse
