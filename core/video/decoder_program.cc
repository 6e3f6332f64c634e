#include "core/video/decoder_program.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <iterator>
#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "core/base/status_macros.h"
#include "core/video/confinement.h"
#include "core/video/ffmpeg_util.h"
#include "core/video/out_of_memory.h"
#include "core/video/sandbox_protocol.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

void Write(const void* bytes, size_t size) {
  const auto* next = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t written = write(kAnswerFd, next, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) _exit(1);  // the server no longer reads
    next += written;
    size -= static_cast<size_t>(written);
  }
}

void Answer(AnswerKind kind, absl::string_view message, AnswerHeader header = {}) {
  header.magic = kAnswerMagic;
  header.kind = kind;
  message = message.substr(0, kMaxAnswerMessage);
  header.message_size = static_cast<uint32_t>(message.size());
  Write(&header, sizeof(header));
  Write(message.data(), message.size());
}

void Refuse(const absl::Status& status) {
  AnswerHeader header;
  if (const std::optional<BrokenLimit> limit = LimitOf(status)) {
    const auto* known = std::find(std::begin(kAnswerLimits), std::end(kAnswerLimits), limit->name);
    if (known != std::end(kAnswerLimits) && absl::SimpleAtod(limit->value, &header.value)) {
      header.limit = static_cast<uint32_t>(known - std::begin(kAnswerLimits)) + 1;
    }
  }
  Answer(AnswerKind::kRefused, status.message(), header);
}

void AnswerFrames(const VideoFrames& video) {
  AnswerHeader header;
  header.magic = kAnswerMagic;
  header.kind = AnswerKind::kFrames;
  header.seconds = video.seconds;
  header.frames = static_cast<uint32_t>(video.frames.size());
  Write(&header, sizeof(header));
  Write(video.local.data(), video.local.size() * sizeof(int32_t));
  Write(video.global.data(), video.global.size() * sizeof(int32_t));
  for (const auto& frame : video.frames) Write(frame.data(), frame.size());
}

// Tells the server the time limit, which holds from now on.
void AnswerTimeLimit(absl::Duration limit) {
  LimitProcessorTime(limit);
  AnswerHeader header;
  header.magic = kAnswerMagic;
  header.kind = AnswerKind::kTimeLimit;
  header.seconds = static_cast<int32_t>(absl::ToInt64Seconds(absl::Ceil(limit, absl::Seconds(1))));
  Write(&header, sizeof(header));
}

[[noreturn]] void FailToStart(absl::string_view message) {
  Answer(AnswerKind::kNotStarted, message);
  _exit(1);
}

struct MappedRequest {
  DecodeRequest request;
  absl::string_view video;
};

// Maps the request, which stays mapped until the process ends.
absl::StatusOr<MappedRequest> MapRequest() {
  struct stat file;
  if (fstat(kRequestFd, &file) != 0) return absl::ErrnoToStatus(errno, "the request");
  const auto size = static_cast<size_t>(file.st_size);
  MappedRequest mapped;
  if (size < sizeof(DecodeRequest)) return absl::InvalidArgumentError("the request is cut");
  void* bytes = mmap(nullptr, size, PROT_READ, MAP_SHARED, kRequestFd, 0);
  if (bytes == MAP_FAILED) return absl::ErrnoToStatus(errno, "mapping the request");
  close(kRequestFd);
  std::memcpy(&mapped.request, bytes, sizeof(DecodeRequest));
  if (mapped.request.magic != kRequestMagic) {
    return absl::InvalidArgumentError("the request is of another version of the server");
  }
  mapped.video = absl::string_view(static_cast<const char*>(bytes), size);
  mapped.video.remove_prefix(sizeof(DecodeRequest));
  return mapped;
}

// Makes the libraries do now what will soon be forbidden.
void WarmUp() {
  tzset();  // opens files, but only once, since the environment holds TZ
  InitFfmpeg();
}

}  // namespace

void RunDecoderProgram(SampleFunction sample) {
  const absl::StatusOr<MappedRequest> mapped = MapRequest();
  if (!mapped.ok()) FailToStart(mapped.status().message());
  const DecodeRequest& request = mapped->request;
  WarmUp();
  const absl::Status limited = LimitResources(request.limits);
  if (!limited.ok()) FailToStart(limited.message());
  // This process ends with the server, also if the server ended before this line. The signal is set
  // only now, since a change of user clears it.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != request.server_pid) _exit(1);
  const absl::Status filtered = FilterSystemCalls();
  if (!filtered.ok() && request.require_filter != 0) FailToStart(filtered.message());
  Answer(filtered.ok() ? AnswerKind::kConfined : AnswerKind::kUnfiltered, filtered.message());
  ExitWhenOutOfMemory();

  const CancelFlag never;  // the server ends the process instead
  const absl::StatusOr<VideoFrames> frames =
      sample(mapped->video, request.limits, request.max_seconds, never, AnswerTimeLimit);
  if (frames.ok()) {
    AnswerFrames(*frames);
  } else {
    Refuse(frames.status());
  }
  _exit(0);
}

}  // namespace vidmuse
