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
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "core/base/status_macros.h"
#include "core/video/confinement.h"
#include "core/video/early_frames.h"
#include "core/video/ffmpeg_util.h"
#include "core/video/group_decoder.h"
#include "core/video/out_of_memory.h"
#include "core/video/picture_decoder.h"
#include "core/video/picture_order.h"
#include "core/video/sandbox_protocol.h"
#include "core/video/video_sampling.h"
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

// How many local frames there are besides the part's.
uint32_t Surplus(const std::vector<int>& local, const FramePart& part, int seconds) {
  return static_cast<uint32_t>(local.size()) - static_cast<uint32_t>(part.size(seconds));
}

void WriteFrameLists(const std::vector<int>& local, const std::vector<int>& global) {
  Write(local.data(), local.size() * sizeof(int32_t));
  Write(global.data(), global.size() * sizeof(int32_t));
}

[[noreturn]] void FailToStart(absl::string_view message) {
  Answer(AnswerKind::kNotStarted, message);
  _exit(1);
}

// The process's arguments.
struct Arguments {
  DecoderRole role = DecoderRole::kFirst;
  uint64_t memory_bytes = 0;
  int64_t processor_seconds = 0;
  int number = 0;
  FramePart part;
};

absl::StatusOr<Arguments> ReadArguments(int argc, char** argv) {
  Arguments arguments;
  uint32_t role = 0, alignment = 0;
  FramePart& part = arguments.part;
  if (argc != 8 || !absl::SimpleAtoi(argv[1], &role) ||
      !absl::SimpleAtoi(argv[2], &arguments.memory_bytes) ||
      !absl::SimpleAtoi(argv[3], &arguments.processor_seconds) ||
      !absl::SimpleAtoi(argv[4], &arguments.number) || arguments.number < 0 ||
      arguments.number >= kMostDecoders || !absl::SimpleAtoi(argv[5], &part.first) ||
      !absl::SimpleAtoi(argv[6], &part.count) || part.first < 0 || part.count < 1 ||
      !absl::SimpleAtoi(argv[7], &alignment) ||
      alignment > static_cast<uint32_t>(Alignment::kTime)) {
    return absl::InvalidArgumentError("only the server can start this program");
  }
  arguments.role = static_cast<DecoderRole>(role);
  part.alignment = static_cast<Alignment>(alignment);
  return arguments;
}

struct MappedRequest {
  DecodeRequest request;
  const UploadProgress* progress = nullptr;
  const char* file = nullptr;
};

// Maps the request, which stays mapped until the process ends.
absl::StatusOr<MappedRequest> MapRequest() {
  struct stat file;
  if (fstat(kRequestFd, &file) != 0) return absl::ErrnoToStatus(errno, "the request");
  MappedRequest mapped;
  if (static_cast<size_t>(file.st_size) < kRequestHeaderBytes) {
    return absl::InvalidArgumentError("the request is cut");
  }
  if (pread(kRequestFd, &mapped.request, sizeof(DecodeRequest), 0) != sizeof(DecodeRequest) ||
      mapped.request.magic != kRequestMagic) {
    return absl::InvalidArgumentError("the request is of another version of the server");
  }
  // What has not come yet is mapped too.
  void* bytes = mmap(nullptr, kRequestHeaderBytes + mapped.request.capacity, PROT_READ, MAP_SHARED,
                     kRequestFd, 0);
  if (bytes == MAP_FAILED) return absl::ErrnoToStatus(errno, "mapping the request");
  close(kRequestFd);
  const auto* start = static_cast<const char*>(bytes);
  mapped.progress = reinterpret_cast<const UploadProgress*>(start + sizeof(DecodeRequest));
  mapped.file = start + kRequestHeaderBytes;
  return mapped;
}

// Maps what the video's processes share. Returns null unless the process is one of several.
absl::StatusOr<GroupClaims*> MapClaims(DecoderRole role) {
  if (role != DecoderRole::kGroups) return nullptr;
  void* bytes =
      mmap(nullptr, sizeof(GroupClaims), PROT_READ | PROT_WRITE, MAP_SHARED, kClaimsFd, 0);
  if (bytes == MAP_FAILED) return absl::ErrnoToStatus(errno, "mapping the claims");
  close(kClaimsFd);
  return static_cast<GroupClaims*>(bytes);
}

// A file of its own, which is complete.
struct MappedSource {
  const char* bytes = nullptr;
  UploadProgress progress;
};

// Maps the file at kSourceFd, which stays mapped until the process ends. If it is cut meanwhile, a
// signal ends this process. Returns null unless there is such a file.
absl::StatusOr<const MappedSource*> MapSource(DecoderRole role) {
  if (role != DecoderRole::kWholeSound && role != DecoderRole::kPictures) return nullptr;
  struct stat file;
  if (fstat(kSourceFd, &file) != 0) return absl::ErrnoToStatus(errno, "the file");
  static MappedSource source;
  source.progress.bytes = static_cast<uint64_t>(file.st_size);
  source.progress.complete = 1;
  if (file.st_size > 0) {
    void* bytes =
        mmap(nullptr, static_cast<size_t>(file.st_size), PROT_READ, MAP_PRIVATE, kSourceFd, 0);
    if (bytes == MAP_FAILED) return absl::ErrnoToStatus(errno, "mapping the file");
    source.bytes = static_cast<const char*>(bytes);
  }
  close(kSourceFd);
  return &source;
}

// Makes the libraries do now what will soon be forbidden.
void WarmUp() {
  tzset();  // opens files, but only once, since the environment holds TZ
  InitFfmpeg();
}

// A process that decodes groups sends its frames at once, so that it needs memory for decoding
// only.
Limits MemoryOf(const Arguments& arguments, Limits limits) {
  if (arguments.role != DecoderRole::kGroups) return limits;
  limits.max_decoder_bytes = arguments.memory_bytes;
  limits.max_queued_bytes = 0;
  return limits;
}

absl::Status DecodeClaimedGroups(const DecodeTask& task, const VideoSampling& sampling,
                                 DecoderAnswers& answers) {
  ASSIGN_OR_RETURN(const std::unique_ptr<GroupDecoder> decoder, sampling.NewGroupDecoder());
  while (const std::optional<uint32_t> group = task.ClaimGroup()) {
    if (*group >= sampling.groups().size()) break;
    ASSIGN_OR_RETURN(const bool sure,
                     decoder->Decode(*group, [&](int position, const std::vector<uint8_t>& pixels) {
                       answers.Frame(position, pixels);
                     }));
    if (sure) continue;
    answers.Unsure();
    return absl::OkStatus();
  }
  answers.NoMoreGroups();
  return absl::OkStatus();
}

// The processor time that this process has used.
absl::Duration ProcessorTime() {
  return absl::Seconds(static_cast<double>(std::clock()) / CLOCKS_PER_SEC);
}

EarlyFrames DecodeEarly(const DecodeTask& task, DecoderAnswers& answers) {
  if (task.role != DecoderRole::kFirst || task.growing.complete()) return {};
  return DecodeWhileItGrows(task.growing, task.request.limits, task.request.max_seconds,
                            task.part.count, [&] { answers.Begun(); });
}

}  // namespace

std::optional<uint32_t> DecodeTask::ClaimGroup() const {
  if (claims_->retired[number_] != 0) return std::nullopt;
  return claims_->next_group++;
}

void DecoderAnswers::Begun() { Answer(AnswerKind::kBegun, ""); }

void DecoderAnswers::TimeLimit(absl::Duration limit, absl::Duration spent) {
  LimitProcessorTime(limit + spent);
  AnswerHeader header;
  header.seconds = static_cast<int32_t>(absl::ToInt64Seconds(absl::Ceil(limit, absl::Seconds(1))));
  Answer(AnswerKind::kTimeLimit, "", header);
}

void DecoderAnswers::Split(VideoSampling& sampling, const FramePart& part) {
  AnswerHeader header;
  header.seconds = sampling.frames().seconds;
  header.frames = static_cast<uint32_t>(sampling.frames().wanted.size());
  header.surplus = Surplus(sampling.frames().local, part, header.seconds);
  header.groups = static_cast<uint32_t>(sampling.groups().size());
  header.decoder_bytes = sampling.decoder_bytes();
  header.decoded_groups = static_cast<uint32_t>(sampling.decoded_groups());
  const std::map<int, std::vector<uint8_t>> decoded = sampling.TakeDecoded();
  header.decoded_frames = static_cast<uint32_t>(decoded.size());
  Answer(AnswerKind::kSplit, "", header);
  WriteFrameLists(sampling.frames().local, sampling.frames().global);
  for (const auto& [position, pixels] : decoded) {
    Write(&position, sizeof(position));
    Write(pixels.data(), pixels.size());
  }
}

void DecoderAnswers::Frame(int position, const std::vector<uint8_t>& pixels) {
  AnswerHeader header;
  header.frames = static_cast<uint32_t>(position);
  Answer(AnswerKind::kFrame, "", header);
  Write(pixels.data(), pixels.size());
}

void DecoderAnswers::NoMoreGroups() { Answer(AnswerKind::kNoMoreGroups, ""); }

void DecoderAnswers::Unsure() { Answer(AnswerKind::kUnsure, ""); }

void DecoderAnswers::Frames(const VideoFrames& video, const FramePart& part) {
  AnswerHeader header;
  header.seconds = video.seconds;
  header.frames = static_cast<uint32_t>(video.frames.size());
  header.surplus = Surplus(video.local, part, video.seconds);
  Answer(AnswerKind::kFrames, "", header);
  WriteFrameLists(video.local, video.global);
  for (const auto& frame : video.frames) Write(frame.data(), frame.size());
}

void DecoderAnswers::Sound(const DecodedSound& sound) {
  AnswerHeader header;
  header.sample_rate = static_cast<uint32_t>(sound.sample_rate);
  header.samples = sound.samples.size();
  Answer(AnswerKind::kSound, "", header);
  Write(sound.samples.data(), sound.samples.size() * sizeof(float));
}

void DecoderAnswers::SoundPart(int sample_rate, const std::vector<std::vector<float>>& channels) {
  AnswerHeader header;
  header.sample_rate = static_cast<uint32_t>(sample_rate);
  header.channels = static_cast<uint32_t>(channels.size());
  header.samples = channels[0].size();
  Answer(AnswerKind::kSoundPart, "", header);
  for (const auto& channel : channels) Write(channel.data(), channel.size() * sizeof(float));
}

void DecoderAnswers::SoundEnd() { Answer(AnswerKind::kSoundEnd, ""); }

void DecoderAnswers::Info(const PictureInfo& info) {
  Answer(AnswerKind::kPictureInfo, "");
  Write(&info, sizeof(info));
}

void DecoderAnswers::NextPicture(const Picture& picture) {
  Answer(AnswerKind::kPicture, "");
  const PictureSize size = {picture.width, picture.height};
  Write(&size, sizeof(size));
  Write(picture.pixels.data(), picture.pixels.size());
}

void DecoderAnswers::PicturesEnd() { Answer(AnswerKind::kPicturesEnd, ""); }

namespace {

absl::Status AnswerPictures(const DecodeTask& task, const CancelFlag& cancel,
                            DecoderAnswers& answers) {
  ASSIGN_OR_RETURN(const PictureOrder order, UnpackPictureOrder(task.order));
  const auto take_info = [&](const PictureInfo& info, absl::Duration time_limit) {
    answers.TimeLimit(time_limit);
    answers.Info(info);
    return absl::OkStatus();
  };
  const auto take = [&](const Picture& picture) {
    answers.NextPicture(picture);
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(DecodePictures(task.file(), order, task.request.limits, cancel, take_info, take));
  answers.PicturesEnd();
  return absl::OkStatus();
}

}  // namespace

absl::Status DecodeFile(const DecodeTask& task, DecoderAnswers& answers) {
  const CancelFlag never;  // the server ends the process instead
  if (task.role == DecoderRole::kSound) {
    answers.TimeLimit(ReadTimeLimit(task.file().size(), task.request.limits));
    ASSIGN_OR_RETURN(const DecodedSound sound,
                     DecodeSound(task.file(), task.request.limits, never));
    answers.Sound(sound);
    return absl::OkStatus();
  }
  if (task.role == DecoderRole::kWholeSound) {
    answers.TimeLimit(WholeSoundTimeLimit(task.file().size(), task.request.limits));
    RETURN_IF_ERROR(DecodeWholeSound(task.file(), task.request.limits, never,
                                     [&](int sample_rate, const auto& channels) {
                                       answers.SoundPart(sample_rate, channels);
                                       return absl::OkStatus();
                                     }));
    answers.SoundEnd();
    return absl::OkStatus();
  }
  if (task.role == DecoderRole::kPictures) return AnswerPictures(task, never, answers);
  EarlyFrames early = DecodeEarly(task, answers);
  const absl::string_view file = task.file();
  const absl::Duration spent = ProcessorTime();
  ASSIGN_OR_RETURN(const std::unique_ptr<VideoSampling> sampling,
                   VideoSampling::Read(file, task.request.limits, task.request.max_seconds,
                                       task.part, never, std::move(early)));
  answers.TimeLimit(sampling->time_limit(), spent);
  if (task.role == DecoderRole::kGroups) return DecodeClaimedGroups(task, *sampling, answers);
  if (task.role == DecoderRole::kFirst && sampling->groups().size() > 1 &&
      sampling->pixels_in_groups() >= task.request.least_pixels_to_split) {
    answers.Split(*sampling, task.part);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const VideoFrames frames, task.role == DecoderRole::kOnly
                                                 ? sampling->DecodeInOrder()
                                                 : sampling->Decode());
  answers.Frames(frames, task.part);
  return absl::OkStatus();
}

void RunDecoderProgram(int argc, char** argv, DecodeFunction decode) {
  const absl::StatusOr<Arguments> arguments = ReadArguments(argc, argv);
  if (!arguments.ok()) FailToStart(arguments.status().message());
  const absl::StatusOr<MappedRequest> mapped = MapRequest();
  if (!mapped.ok()) FailToStart(mapped.status().message());
  const absl::StatusOr<GroupClaims*> claims = MapClaims(arguments->role);
  if (!claims.ok()) FailToStart(claims.status().message());
  const absl::StatusOr<const MappedSource*> source = MapSource(arguments->role);
  if (!source.ok()) FailToStart(source.status().message());
  const DecodeRequest& request = mapped->request;
  WarmUp();
  const absl::Status limited = LimitResources(MemoryOf(*arguments, request.limits));
  if (!limited.ok()) FailToStart(limited.message());
  if (arguments->role == DecoderRole::kGroups) {
    LimitProcessorTime(absl::Seconds(arguments->processor_seconds), absl::ZeroDuration());
  }
  // This process ends with the server, also if the server ended before this line. The signal is set
  // only now, since a change of user clears it.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != request.server_pid) _exit(1);
  const absl::Status filtered = FilterSystemCalls();
  if (!filtered.ok() && request.require_filter != 0) FailToStart(filtered.message());
  Answer(filtered.ok() ? AnswerKind::kConfined : AnswerKind::kUnfiltered, filtered.message());
  ExitWhenOutOfMemory();

  DecoderAnswers answers;
  GrowingFile file(*source == nullptr ? mapped->file : (*source)->bytes,
                   *source == nullptr ? *mapped->progress : (*source)->progress);
  const DecodeTask task(file, request, arguments->role, arguments->part, *claims, arguments->number,
                        {mapped->file, request.capacity});
  if (const absl::Status status = decode(task, answers); !status.ok()) Refuse(status);
  _exit(0);
}

}  // namespace vidmuse
