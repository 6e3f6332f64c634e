#include "core/video/group_run.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <stop_token>
#include <system_error>
#include <thread>
#include <utility>

#include "core/base/status_macros.h"
#include "core/video/decoder_process.h"
#include "core/video/decoder_run.h"

namespace vidmuse {
namespace {

// The claims of one video, mapped while this lives.
class SharedClaims {
 public:
  static absl::StatusOr<SharedClaims> Create() {
    const UniqueFd made(memfd_create("vidmuse_claims", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (made.get() < 0) return SystemError(errno, "memfd_create");
    // No process may cut the file, since reading what was cut away would kill the server.
    if (ftruncate(made.get(), sizeof(GroupClaims)) != 0 ||
        fcntl(made.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
      return SystemError(errno, "the claims' size");
    }
    // Above the numbers that descriptors get in the process.
    UniqueFd file(fcntl(made.get(), F_DUPFD_CLOEXEC, kClaimsFd + 1));
    if (file.get() < 0) return SystemError(errno, "the claims' descriptor");
    void* bytes =
        mmap(nullptr, sizeof(GroupClaims), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    if (bytes == MAP_FAILED) return SystemError(errno, "mapping the claims");
    return SharedClaims(std::move(file), static_cast<GroupClaims*>(bytes));
  }
  SharedClaims(SharedClaims&& other) noexcept
      : file_(std::move(other.file_)), claims_(std::exchange(other.claims_, nullptr)) {}
  SharedClaims& operator=(SharedClaims&&) = delete;
  ~SharedClaims() {
    if (claims_ != nullptr) munmap(claims_, sizeof(GroupClaims));
  }

  int file() const { return file_.get(); }
  GroupClaims& operator*() const { return *claims_; }

 private:
  SharedClaims(UniqueFd file, GroupClaims* claims) : file_(std::move(file)), claims_(claims) {}

  UniqueFd file_;
  GroupClaims* claims_;  // new files are zero, and so are its numbers
};

}  // namespace

GroupRun::GroupRun(const std::string& program, const UniqueFd& request, SplitVideo& split,
                   const FramePart& part, const Limits& limits, CoreBudget& cores)
    : program_(program),
      request_(request),
      split_(split),
      part_(part),
      limits_(limits),
      cores_(cores),
      pixels_(std::move(split.pixels)),
      missing_(split.distinct - split.decoded_frames) {}

int GroupRun::MostProcesses(int64_t processor_seconds) const {
  const uint64_t decoder = std::max<uint64_t>(split_.decoder_bytes, 1);
  const auto by_memory =
      static_cast<int>(std::min<uint64_t>(limits_.max_decoder_bytes / decoder, kMostDecoders));
  const auto by_time = static_cast<int>(std::min<int64_t>(processor_seconds, kMostDecoders));
  const int groups = split_.groups - split_.decoded_groups;
  return std::max(1, std::min({by_memory, by_time, groups, cores_.cores()}));
}

absl::StatusOr<std::optional<GroupRun::Frames>> GroupRun::Run(const DecodeWatch& watch) {
  ASSIGN_OR_RETURN(SharedClaims claims, SharedClaims::Create());
  (*claims).next_group = static_cast<uint32_t>(split_.decoded_groups);
  const int64_t processor_seconds = absl::ToInt64Seconds(watch.time_limit() / 2);
  const int most = MostProcesses(processor_seconds);
  std::vector<CoreBudget::Share> cores;
  while (static_cast<int>(cores.size()) + 1 < most) {
    std::optional<CoreBudget::Share> core = cores_.TakeIdle();
    if (!core) break;
    cores.push_back(*std::move(core));
  }
  const auto processes = static_cast<int>(cores.size()) + 1;
  const Setting setting = {&*claims, claims.file(), watch.left(),
                           limits_.max_decoder_bytes / static_cast<uint64_t>(processes),
                           std::max<int64_t>(processor_seconds / processes, 1)};
  const std::stop_callback stop_with(watch.cancel_token(), [this] { stop_.Cancel(); });
  {
    std::vector<std::jthread> others;
    for (int number = 1; number < processes; ++number) {
      try {
        others.emplace_back(
            [this, &setting, number, core = std::move(cores[static_cast<size_t>(number) - 1])] {
              RunProcess(number, setting);
            });
      } catch (const std::system_error&) {
        break;  // without more threads, the others decode all
      }
    }
    RunProcess(0, setting);
  }
  RETURN_IF_ERROR(watch.Check());
  MutexLock lock(&mutex_);
  // A process may doubt a group after it has sent all of its frames.
  if (missing_ > 0 || stop_.cancelled()) return std::nullopt;
  return std::move(pixels_);
}

void GroupRun::RunProcess(int number, const Setting& setting) {
  const absl::Status status = ReadFrames(number, setting);
  if (!status.ok()) stop_.Cancel();
}

absl::Status GroupRun::ReadFrames(int number, const Setting& setting) {
  DecodeWatch watch(stop_, setting.time_left);
  DecoderProcess::Setup setup;
  setup.role = DecoderRole::kGroups;
  setup.part = part_;
  setup.memory_bytes = setting.memory_bytes;
  setup.processor_seconds = setting.processor_seconds;
  setup.number = number;
  setup.claims = setting.claims_file;
  absl::StatusOr<DecoderProcess> process = DecoderProcess::Start(program_, request_, setup);
  // Others decode what this one would have decoded, if they can be started.
  if (!process.ok() && number > 0) return absl::OkStatus();
  RETURN_IF_ERROR(process.status());
  DecoderRun run(*std::move(process), watch, limits_);
  RETURN_IF_ERROR(run.ReadStart().status());
  while (true) {
    ASSIGN_OR_RETURN(const AnswerHeader header, run.ReadGroupAnswer());
    if (header.kind == AnswerKind::kNoMoreGroups) return absl::OkStatus();
    if (header.kind == AnswerKind::kTimeLimit) continue;  // the first process told it already
    if (header.kind != AnswerKind::kFrame) return absl::UnknownError("no frame");
    ASSIGN_OR_RETURN(std::vector<uint8_t> pixels, run.ReadPixels());
    RETURN_IF_ERROR(Keep(header.frames, std::move(pixels)));
    if (number > 0 && cores_.overdrawn()) setting.claims->retired[number] = 1;
  }
}

absl::Status GroupRun::Keep(uint32_t position, std::vector<uint8_t> pixels) {
  MutexLock lock(&mutex_);
  if (position >= pixels_.size() || !pixels_[position].empty()) {
    return absl::UnknownError("a frame that is not missing");
  }
  pixels_[position] = std::move(pixels);
  --missing_;
  return absl::OkStatus();
}

}  // namespace vidmuse
