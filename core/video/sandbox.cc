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

absl::StatusOr<VideoFrames> VideoSandbox::Sample(absl::string_view file, const Limits& limits,
                                                 int max_seconds, const CancelFlag& cancel) const {
  // The decoders' frames and their copy of the video take memory too.
  const uint64_t beside = MaxFrameBytes(limits) + file.size();
  const Limits granted = Granted(limits, beside);
  ASSIGN_OR_RETURN(const DecoderBudget::Share share,
                   budget_.Take(granted.max_decoder_bytes + beside, cancel));
  const CoreBudget::Share core = cores_.Take();
  DecodeWatch watch(cancel, ReadTimeLimit(file.size(), limits));
  RETURN_IF_ERROR(watch.Check());
  ASSIGN_OR_RETURN(const UniqueFd request, MakeRequest(file, granted, max_seconds));
  int most_seconds = static_cast<int>(std::ceil(limits.max_video_seconds));
  if (max_seconds > 0) most_seconds = std::min(most_seconds, max_seconds);

  const auto decode = [&](DecoderRole role) -> absl::StatusOr<DecoderRun::Result> {
    DecoderProcess::Setup setup;
    setup.role = role;
    ASSIGN_OR_RETURN(DecoderProcess process, DecoderProcess::Start(program_, request, setup));
    DecoderRun run(std::move(process), watch, granted);
    RETURN_IF_ERROR(run.ReadStart().status());
    return run.ReadResult(most_seconds);
  };
  ASSIGN_OR_RETURN(DecoderRun::Result result, decode(DecoderRole::kFirst));
  if (const auto* split = std::get_if<SplitVideo>(&result)) {
    if (static_cast<uint64_t>(split->distinct) * kFrameBytes <= MaxFrameBytes(granted)) {
      GroupRun groups(program_, request, *split, granted, cores_);
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
  DecodeWatch watch(cancel, ReadTimeLimit(file.size(), limits), kSoundSubject);
  RETURN_IF_ERROR(watch.Check());
  ASSIGN_OR_RETURN(const UniqueFd request, MakeRequest(file, granted, 0));
  DecoderProcess::Setup setup;
  setup.role = DecoderRole::kSound;
  ASSIGN_OR_RETURN(DecoderProcess process, DecoderProcess::Start(program_, request, setup));
  DecoderRun run(std::move(process), watch, granted);
  RETURN_IF_ERROR(run.ReadStart().status());
  ASSIGN_OR_RETURN(DecoderRun::Result result, run.ReadResult(0));
  if (auto* sound = std::get_if<DecodedSound>(&result)) return std::move(*sound);
  return absl::InvalidArgumentError("prompt_audio crashed its decoder (it gave a video)");
}

}  // namespace vidmuse
