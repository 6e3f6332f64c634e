#include "core/video/sandbox.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <filesystem>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>
#include <variant>

#include "core/base/cpus.h"
#include "core/base/status_macros.h"
#include "core/video/answer_reader.h"
#include "core/video/decode_watch.h"
#include "core/video/decoder_process.h"
#include "core/video/decoder_run.h"
#include "core/video/group_run.h"
#include "core/video/sandbox_protocol.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

constexpr uint64_t kLeastMemory = 16 << 20;   // with less, no video can be decoded
constexpr uint64_t kSoundMemory = 256 << 20;  // for the decoder of a sound

absl::Status WriteAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError(errno, "handing the file to its decoder");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

// Makes a sealed memory file that holds the request and the file to decode.
absl::StatusOr<UniqueFd> MakeRequestFile(const DecodeRequest& request, absl::string_view bytes) {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  constexpr unsigned kNoExec = 8;  // MFD_NOEXEC_SEAL, since Linux 6.3
  int fd = memfd_create("vidmuse_video", kFlags | kNoExec);
  if (fd < 0 && errno == EINVAL) fd = memfd_create("vidmuse_video", kFlags);
  UniqueFd file(fd);
  if (fd < 0) return SystemError(errno, "memfd_create");
  const auto* header = reinterpret_cast<const char*>(&request);
  RETURN_IF_ERROR(WriteAll(fd, absl::string_view(header, sizeof(request))));
  RETURN_IF_ERROR(WriteAll(fd, bytes));
  if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
    return SystemError(errno, "sealing the file");
  }
  return file;
}

}  // namespace

absl::StatusOr<std::unique_ptr<VideoSandbox>> VideoSandbox::Create(std::string program,
                                                                   Filter filter, Budget budget) {
  if (budget.bytes == 0) budget.bytes = DefaultDecoderBudget();
  if (budget.cores == 0) budget.cores = UsableCpus();
  std::unique_ptr<VideoSandbox> sandbox(new VideoSandbox(std::move(program), filter, budget));
  const absl::Status works = sandbox->Probe();
  if (works.ok()) return sandbox;
  return absl::UnavailableError(works.message());
}

std::string VideoSandbox::DefaultProgram() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  return (self.parent_path() / "vidmuse_video_decoder").string();
}

absl::StatusOr<UniqueFd> VideoSandbox::MakeRequest(absl::string_view file, const Limits& limits,
                                                   int max_seconds) const {
  DecodeRequest request = {};
  request.magic = kRequestMagic;
  request.server_pid = getpid();
  request.max_seconds = max_seconds;
  request.require_filter = filter_ == Filter::kRequired;
  request.least_pixels_to_split =
      cores_.cores() > 1 ? least_pixels_to_split_ : std::numeric_limits<int64_t>::max();
  request.limits = limits;
  return MakeRequestFile(request, file);
}

absl::Status VideoSandbox::Probe() {
  const Limits limits;
  const CancelFlag never;
  DecodeWatch watch(never, DecodeTimeLimit(limits));
  ASSIGN_OR_RETURN(const UniqueFd request, MakeRequest("", limits, 0));
  ASSIGN_OR_RETURN(DecoderProcess process, DecoderProcess::Start(program_, request, {}));
  ASSIGN_OR_RETURN(unfiltered_, DecoderRun(std::move(process), watch, limits).ReadStart());
  return absl::OkStatus();
}

Limits VideoSandbox::Granted(const Limits& limits, uint64_t beside) const {
  Limits granted = limits;
  const uint64_t most = std::max(budget_.bytes() - std::min(beside, budget_.bytes()), kLeastMemory);
  granted.max_decoder_bytes = std::min(limits.max_decoder_bytes, most);
  return granted;
}

struct VideoSandbox::OpenFile {
  absl::string_view bytes;  // until the request is made
  std::string owned;        // what `bytes` refers to, unless the caller holds it
  uint64_t size = 0;
  Limits limits;
  int max_seconds = 0;
  UniqueFd request;  // made with the first part, and then it holds the only copy
  int seconds = 0;   // of the video, from the first part on
  absl::Duration spent;
};

std::unique_ptr<VideoReader> VideoSandbox::Open(std::string file, const Limits& limits,
                                                int max_seconds) const {
  const auto open = std::make_shared<OpenFile>();
  open->owned = std::move(file);
  open->bytes = open->owned;
  open->size = open->owned.size();
  open->limits = limits;
  open->max_seconds = max_seconds;
  return std::make_unique<VideoReader>(
      [this, open](const FramePart& part, const CancelFlag& cancel) {
        return Decode(*open, part, cancel);
      },
      open->size);
}

absl::StatusOr<VideoFrames> VideoSandbox::Sample(absl::string_view file, const Limits& limits,
                                                 int max_seconds, const CancelFlag& cancel) const {
  OpenFile open;
  open.bytes = file;
  open.size = file.size();
  open.limits = limits;
  open.max_seconds = max_seconds;
  return Decode(open, FramePart(), cancel);
}

absl::StatusOr<VideoFrames> VideoSandbox::Decode(OpenFile& file, const FramePart& part,
                                                 const CancelFlag& cancel) const {
  // The decoders' frames and their copy of the video take memory too.
  const uint64_t beside = MaxFrameBytes(file.limits) + file.size;
  file.limits = Granted(file.limits, beside);
  ASSIGN_OR_RETURN(const DecoderBudget::Share share,
                   budget_.Take(file.limits.max_decoder_bytes + beside, cancel));
  const CoreBudget::Share core = cores_.Take();
  DecodeWatch watch(cancel, file.spent + ReadTimeLimit(file.size, file.limits), file.spent);
  RETURN_IF_ERROR(watch.Check());
  if (file.request.get() < 0) {
    ASSIGN_OR_RETURN(file.request, MakeRequest(file.bytes, file.limits, file.max_seconds));
    file.bytes = {};
    file.owned = {};
  }
  ASSIGN_OR_RETURN(VideoFrames frames, DecodePart(file, part, watch));
  file.seconds = frames.seconds;
  file.spent = watch.spent();
  return frames;
}

absl::StatusOr<VideoFrames> VideoSandbox::DecodePart(const OpenFile& file, const FramePart& part,
                                                     DecodeWatch& watch) const {
  int most_seconds = static_cast<int>(std::ceil(file.limits.max_video_seconds));
  if (file.max_seconds > 0) most_seconds = std::min(most_seconds, file.max_seconds);

  const auto decode = [&](DecoderRole role) -> absl::StatusOr<DecoderRun::Result> {
    DecoderProcess::Setup setup;
    setup.role = role;
    setup.part = part;
    ASSIGN_OR_RETURN(DecoderProcess process, DecoderProcess::Start(program_, file.request, setup));
    DecoderRun run(std::move(process), watch, file.limits);
    RETURN_IF_ERROR(run.ReadStart().status());
    ASSIGN_OR_RETURN(DecoderRun::Result result, run.ReadResult(part, most_seconds));
    if (std::holds_alternative<DecodedSound>(result)) {
      return absl::InvalidArgumentError("the video crashed its decoder (it gave a sound)");
    }
    const auto* frames = std::get_if<VideoFrames>(&result);
    const int seconds =
        frames != nullptr ? frames->seconds : std::get<SplitVideo>(result).frames.seconds;
    if (file.seconds == 0 || seconds == file.seconds) return result;
    return absl::InvalidArgumentError("the video crashed its decoder (it has another length now)");
  };
  ASSIGN_OR_RETURN(DecoderRun::Result result, decode(DecoderRole::kFirst));
  if (const auto* split = std::get_if<SplitVideo>(&result)) {
    if (static_cast<uint64_t>(split->distinct) * kFrameBytes <= MaxFrameBytes(file.limits)) {
      GroupRun groups(program_, file.request, *split, part, file.limits, cores_);
      ASSIGN_OR_RETURN(std::optional<GroupRun::Frames> pixels, groups.Run(watch));
      if (pixels) return AssembleFrames(split->frames, *std::move(pixels));
    }
    ASSIGN_OR_RETURN(result, decode(DecoderRole::kOnly));
  }
  if (!std::holds_alternative<VideoFrames>(result)) {
    return absl::InvalidArgumentError("the video crashed its decoder (it was split twice)");
  }
  return std::get<VideoFrames>(std::move(result));
}

absl::StatusOr<DecodedSound> VideoSandbox::DecodeSound(absl::string_view file, const Limits& limits,
                                                       const CancelFlag& cancel) const {
  const uint64_t beside = kMostSoundSamples * sizeof(float) + file.size();
  Limits granted = Granted(limits, beside);
  granted.max_decoder_bytes = std::min(granted.max_decoder_bytes, kSoundMemory);
  granted.max_queued_bytes = 0;  // the decoder holds no frames
  ASSIGN_OR_RETURN(const DecoderBudget::Share share,
                   budget_.Take(granted.max_decoder_bytes + beside, cancel));
  const CoreBudget::Share core = cores_.Take();
  DecodeWatch watch(cancel, ReadTimeLimit(file.size(), limits), absl::ZeroDuration(),
                    kSoundSubject);
  RETURN_IF_ERROR(watch.Check());
  ASSIGN_OR_RETURN(const UniqueFd request, MakeRequest(file, granted, 0));
  DecoderProcess::Setup setup;
  setup.role = DecoderRole::kSound;
  ASSIGN_OR_RETURN(DecoderProcess process, DecoderProcess::Start(program_, request, setup));
  DecoderRun run(std::move(process), watch, granted);
  RETURN_IF_ERROR(run.ReadStart().status());
  ASSIGN_OR_RETURN(DecoderRun::Result result, run.ReadResult(FramePart(), 0));
  if (auto* sound = std::get_if<DecodedSound>(&result)) return std::move(*sound);
  return absl::InvalidArgumentError("prompt_audio crashed its decoder (it gave a video)");
}

}  // namespace vidmuse
