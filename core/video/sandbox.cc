#include "core/video/sandbox.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
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
#include "core/video/early_decoder.h"
#include "core/video/group_run.h"
#include "core/video/sandbox_protocol.h"
#include "core/video/upload_file.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

constexpr uint64_t kLeastMemory = 16 << 20;   // with less, no video can be decoded
constexpr uint64_t kSoundMemory = 256 << 20;  // for the decoder of a sound

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

DecodeRequest VideoSandbox::NewRequest(const Limits& limits, int max_seconds,
                                       uint64_t capacity) const {
  DecodeRequest request = {};
  request.magic = kRequestMagic;
  request.server_pid = getpid();
  request.max_seconds = max_seconds;
  request.require_filter = filter_ == Filter::kRequired;
  request.least_pixels_to_split =
      cores_.cores() > 1 ? least_pixels_to_split_ : std::numeric_limits<int64_t>::max();
  request.capacity = capacity;
  request.limits = limits;
  return request;
}

absl::StatusOr<UniqueFd> VideoSandbox::MakeRequest(absl::string_view file, const Limits& limits,
                                                   int max_seconds) const {
  const DecodeRequest request = NewRequest(limits, max_seconds, file.size());
  ASSIGN_OR_RETURN(UploadFile made, UploadFile::Create(request));
  RETURN_IF_ERROR(made.Append(file));
  return made.Complete(request);
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
  // Made with the first part, and then it holds the only copy. An upload's is made before.
  UniqueFd request;
  // Has begun to decode the part `early_part`. Null once a part was read.
  std::shared_ptr<EarlyDecoder> early;
  FramePart early_part;
  int seconds = 0;  // of the video, from the first part on
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
  return NewReader(open);
}

std::unique_ptr<VideoReader> VideoSandbox::NewReader(std::shared_ptr<OpenFile> file) const {
  const uint64_t size = file->size;
  return std::make_unique<VideoReader>(
      [this, file = std::move(file)](const FramePart& part, const CancelFlag& cancel) {
        return Decode(*file, part, cancel);
      },
      size);
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
  std::optional<EarlyDecoder::Running> early =
      file.early != nullptr && part == file.early_part ? file.early->Take() : std::nullopt;
  file.early = nullptr;
  std::optional<DecoderBudget::Share> share;
  if (early) {
    share.emplace(std::move(early->share));
  } else {
    ASSIGN_OR_RETURN(DecoderBudget::Share taken,
                     budget_.Take(file.limits.max_decoder_bytes + beside, cancel));
    share.emplace(std::move(taken));
  }
  const CoreBudget::Share core = cores_.Take();
  std::optional<DecodeWatch> watch;
  const auto start_watch = [&]() -> absl::Status {
    watch.emplace(cancel, file.spent + ReadTimeLimit(file.size, file.limits), file.spent);
    return watch->Check();
  };
  RETURN_IF_ERROR(start_watch());
  if (file.request.get() < 0) {
    ASSIGN_OR_RETURN(file.request, MakeRequest(file.bytes, file.limits, file.max_seconds));
    file.bytes = {};
    file.owned = {};
  }
  std::optional<DecoderRun::Result> first;
  if (early) {
    absl::StatusOr<DecoderRun::Result> result =
        RunFirst(file, std::move(early->process), part, *watch);
    // Whatever went wrong, the file is decoded as if it had come at once.
    if (result.ok()) {
      first = *std::move(result);
    } else {
      RETURN_IF_ERROR(start_watch());
    }
  }
  if (!first) {
    ASSIGN_OR_RETURN(first, RunNew(file, DecoderRole::kFirst, part, *watch));
  }
  ASSIGN_OR_RETURN(VideoFrames frames, DecodePart(file, *std::move(first), part, *watch));
  file.seconds = frames.seconds;
  file.spent = watch->spent();
  return frames;
}

absl::StatusOr<DecoderRun::Result> VideoSandbox::RunFirst(const OpenFile& file,
                                                          DecoderProcess process,
                                                          const FramePart& part,
                                                          DecodeWatch& watch) const {
  int most_seconds = static_cast<int>(std::ceil(file.limits.max_video_seconds));
  if (file.max_seconds > 0) most_seconds = std::min(most_seconds, file.max_seconds);
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
}

absl::StatusOr<DecoderRun::Result> VideoSandbox::RunNew(const OpenFile& file, DecoderRole role,
                                                        const FramePart& part,
                                                        DecodeWatch& watch) const {
  DecoderProcess::Setup setup;
  setup.role = role;
  setup.part = part;
  ASSIGN_OR_RETURN(DecoderProcess process, DecoderProcess::Start(program_, file.request, setup));
  return RunFirst(file, std::move(process), part, watch);
}

absl::StatusOr<VideoFrames> VideoSandbox::DecodePart(const OpenFile& file,
                                                     DecoderRun::Result result,
                                                     const FramePart& part,
                                                     DecodeWatch& watch) const {
  if (auto* split = std::get_if<SplitVideo>(&result)) {
    if (static_cast<uint64_t>(split->distinct) * kFrameBytes <= MaxFrameBytes(file.limits)) {
      GroupRun groups(program_, file.request, *split, part, file.limits, cores_);
      ASSIGN_OR_RETURN(std::optional<GroupRun::Frames> pixels, groups.Run(watch));
      if (pixels) return AssembleFrames(split->frames, *std::move(pixels));
    }
    ASSIGN_OR_RETURN(result, RunNew(file, DecoderRole::kOnly, part, watch));
  }
  if (!std::holds_alternative<VideoFrames>(result)) {
    return absl::InvalidArgumentError("the video crashed its decoder (it was split twice)");
  }
  return std::get<VideoFrames>(std::move(result));
}

// A decoder is started when more bytes follow the first ones, so not for a file that comes in one
// piece.
class VideoSandbox::Upload final : public VideoUpload {
 public:
  Upload(const VideoSandbox* sandbox, const VideoUploadOptions& options, UploadFile file)
      : sandbox_(sandbox), options_(options), file_(std::move(file)) {}
  ~Upload() override {
    if (early_ != nullptr) early_->End();
  }

  absl::Status Append(absl::string_view bytes) override {
    const bool first = file_.size() == 0;
    RETURN_IF_ERROR(file_.Append(bytes));
    if (!first && early_ == nullptr && file_.readable()) StartEarlyDecoder();
    return absl::OkStatus();
  }
  uint64_t size() const override { return file_.size(); }
  bool HasFrames() const override {
    return early_ != nullptr &&
           early_->HasFrame(sizeof(AnswerHeader) + sandbox_->unfiltered_.size());
  }
  absl::StatusOr<std::unique_ptr<VideoReader>> Finish() override;

 private:
  void StartEarlyDecoder();

  const VideoSandbox* const sandbox_;
  const VideoUploadOptions options_;
  UploadFile file_;
  std::shared_ptr<EarlyDecoder> early_;  // null until it is wanted
};

void VideoSandbox::Upload::StartEarlyDecoder() {
  const Limits& limits = options_.limits;
  const uint64_t beside =
      MaxFrameBytes(limits) + options_.declared_bytes.value_or(limits.max_video_bytes);
  DecoderProcess::Setup setup;
  setup.role = DecoderRole::kFirst;
  setup.part = options_.first_part;
  early_ = std::make_shared<EarlyDecoder>(
      EarlyDecoder::Setting{.program = sandbox_->program_,
                            .request = file_.descriptor(),
                            .setup = setup,
                            .budget = sandbox_->budget_,
                            .bytes = sandbox_->Granted(limits, beside).max_decoder_bytes + beside,
                            .most = sandbox_->cores_.cores()});
  if (!sandbox_->starter_.Submit([early = early_] { early->Start(); })) early_->End();
}

absl::StatusOr<std::unique_ptr<VideoReader>> VideoSandbox::Upload::Finish() {
  if (early_ != nullptr) early_->DontStart();
  const auto open = std::make_shared<OpenFile>();
  open->size = file_.size();
  open->limits = sandbox_->Granted(options_.limits, MaxFrameBytes(options_.limits) + open->size);
  open->max_seconds = options_.max_seconds;
  ASSIGN_OR_RETURN(open->request, file_.Complete(sandbox_->NewRequest(
                                      open->limits, open->max_seconds, open->size)));
  open->early = std::exchange(early_, nullptr);
  open->early_part = options_.first_part;
  return sandbox_->NewReader(open);
}

absl::StatusOr<std::unique_ptr<VideoUpload>> VideoSandbox::Receive(
    const VideoUploadOptions& options) const {
  const Limits limits =
      Granted(options.limits, MaxFrameBytes(options.limits) + options.declared_bytes.value_or(0));
  ASSIGN_OR_RETURN(UploadFile file, UploadFile::Create(NewRequest(limits, options.max_seconds,
                                                                  limits.max_video_bytes)));
  return std::make_unique<Upload>(this, options, std::move(file));
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

absl::StatusOr<WholeSound> VideoSandbox::DecodeWholeSound(const UniqueFd& file, double most_seconds,
                                                          const CancelFlag& cancel) const {
  struct stat info;
  if (fstat(file.get(), &info) != 0) return SystemError(errno, "the file's size");
  const auto size = static_cast<uint64_t>(info.st_size);
  Limits limits;
  limits.max_video_seconds = most_seconds;
  limits = Granted(limits, 0);
  limits.max_decoder_bytes = std::min(limits.max_decoder_bytes, kSoundMemory);
  limits.max_queued_bytes = 0;  // the decoder holds no frames
  ASSIGN_OR_RETURN(const DecoderBudget::Share share,
                   budget_.Take(limits.max_decoder_bytes, cancel));
  const CoreBudget::Share core = cores_.Take();
  DecodeWatch watch(cancel, WholeSoundTimeLimit(size, limits), absl::ZeroDuration(),
                    kWholeSoundSubject);
  RETURN_IF_ERROR(watch.Check());
  ASSIGN_OR_RETURN(const UniqueFd request, MakeRequest("", limits, 0));
  DecoderProcess::Setup setup;
  setup.role = DecoderRole::kWholeSound;
  setup.source = file.get();
  ASSIGN_OR_RETURN(DecoderProcess process, DecoderProcess::Start(program_, request, setup));
  DecoderRun run(std::move(process), watch, limits);
  RETURN_IF_ERROR(run.ReadStart().status());
  return run.ReadWholeSound({.most_seconds = most_seconds});
}

}  // namespace vidmuse
