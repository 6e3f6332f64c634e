// The decoder program with a decoder that does what its video says: "crash", "open a file", ...
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/video/decoder_program.h"
#include "core/video/sandbox_protocol.h"
#include "vidmuse/limits.h"

namespace vidmuse {
namespace {

void Send(const void* bytes, size_t size) {
  if (write(kAnswerFd, bytes, size) != static_cast<ssize_t>(size)) _exit(1);
}

void SendFramesHeader(int32_t seconds, uint32_t frames) {
  const AnswerHeader header = {kAnswerMagic, AnswerKind::kFrames, 0, seconds, frames};
  Send(&header, sizeof(header));
}

[[noreturn]] void Loop() {
  volatile bool forever = true;
  while (forever) {
  }
  _exit(0);
}

// Returns what a system call gave, if it came back.
absl::Status Tried(const char* call, int result) {
  return absl::InvalidArgumentError(std::string(call) + ": " +
                                    (result < 0 ? std::strerror(errno) : "succeeded"));
}

absl::Status AllocateWithoutEnd() {
  for (;;) {
    void* memory = std::malloc(size_t{16} << 20);
    if (memory == nullptr) return absl::InvalidArgumentError("took the failure for damage");
    std::memset(memory, 1, size_t{16} << 20);
  }
}

void TellTimeLimit(int32_t seconds) {
  const AnswerHeader header = {kAnswerMagic, AnswerKind::kTimeLimit, 0, seconds, 0};
  Send(&header, sizeof(header));
}

// Holds the memory long enough to be seen.
absl::Status HoldMemory() {
  constexpr size_t kBytes = size_t{128} << 20;
  const std::vector<char> memory(kBytes, 1);
  const std::clock_t start = std::clock();
  while (std::clock() - start < CLOCKS_PER_SEC / 5) {
  }
  return absl::InvalidArgumentError(std::string("held ") + (memory[kBytes / 2] == 1 ? "it" : ""));
}

absl::Status Answer(const std::string& bytes) {
  Send(bytes.data(), bytes.size());
  _exit(0);
}

absl::Status SendFrames(int32_t seconds, uint32_t frames, const std::vector<int32_t>& indices) {
  SendFramesHeader(seconds, frames);
  Send(indices.data(), indices.size() * sizeof(int32_t));
  _exit(0);
}

absl::Status SendSound(uint32_t sample_rate, uint64_t count, const std::vector<float>& samples) {
  AnswerHeader header = {kAnswerMagic, AnswerKind::kSound, 0, 0, 0};
  header.sample_rate = sample_rate;
  header.samples = count;
  Send(&header, sizeof(header));
  Send(samples.data(), samples.size() * sizeof(float));
  _exit(0);
}

// Sends parts of a whole sound: one header and samples of one channel for each.
absl::Status SendParts(const std::vector<AnswerHeader>& parts, const std::vector<float>& samples) {
  for (AnswerHeader header : parts) {
    header.magic = kAnswerMagic;
    Send(&header, sizeof(header));
    for (uint32_t c = 0; c < header.channels; ++c) {
      Send(samples.data(), samples.size() * sizeof(float));
    }
  }
  _exit(0);
}

AnswerHeader SoundPart(uint32_t sample_rate, uint32_t channels, uint64_t samples) {
  AnswerHeader header = {};
  header.kind = AnswerKind::kSoundPart;
  header.sample_rate = sample_rate;
  header.channels = channels;
  header.samples = samples;
  return header;
}

AnswerHeader SoundEnd() {
  AnswerHeader header = {};
  header.kind = AnswerKind::kSoundEnd;
  return header;
}

void SendInfo(const PictureInfo& info) {
  const AnswerHeader header = {kAnswerMagic, AnswerKind::kPictureInfo, 0, 0, 0};
  Send(&header, sizeof(header));
  Send(&info, sizeof(info));
}

void SendPicture(const PictureSize& size, const std::vector<uint8_t>& pixels) {
  const AnswerHeader header = {kAnswerMagic, AnswerKind::kPicture, 0, 0, 0};
  Send(&header, sizeof(header));
  Send(&size, sizeof(size));
  Send(pixels.data(), pixels.size());
}

constexpr PictureInfo kPlausible = {4, 2, 10, 25, 2};

absl::Status SendPictures(const PictureInfo& info, const PictureSize& size, size_t bytes,
                          int count) {
  SendInfo(info);
  for (int i = 0; i < count; ++i) SendPicture(size, std::vector<uint8_t>(bytes));
  const AnswerHeader header = {kAnswerMagic, AnswerKind::kPicturesEnd, 0, 0, 0};
  Send(&header, sizeof(header));
  _exit(0);
}

const std::map<std::string, std::function<absl::Status()>>& Deeds() {
  static const auto* deeds = new std::map<std::string, std::function<absl::Status()>>{
      {"crash", [] { return Tried("raise", raise(SIGSEGV)); }},
      {"write to null",
       [] {
         volatile char* volatile null = nullptr;
         *null = 1;
         return absl::OkStatus();
       }},
      {"abort", []() -> absl::Status { std::abort(); }},
      {"throw", []() -> absl::Status { throw 1; }},
      {"exit", []() -> absl::Status { _exit(3); }},
      {"loop", []() -> absl::Status { Loop(); }},
      {"be killed", [] { return Tried("raise", raise(SIGKILL)); }},
      {"hold memory", HoldMemory},
      {"say a second and loop",
       []() -> absl::Status {
         TellTimeLimit(1);
         Loop();
       }},
      {"say years and loop",
       []() -> absl::Status {
         TellTimeLimit(std::numeric_limits<int32_t>::max());
         Loop();
       }},
      {"say limits without end",
       []() -> absl::Status {
         for (;;) TellTimeLimit(100);
       }},
      {"raise a limit",
       [] {
         const rlimit high = {100, 100};
         return Tried("setrlimit", setrlimit(RLIMIT_NOFILE, &high));
       }},
      {"raise the processor's limit",
       [] {
         const rlimit high = {RLIM_INFINITY, RLIM_INFINITY};
         return Tried("setrlimit", setrlimit(RLIMIT_CPU, &high));
       }},
      {"make a folder", [] { return Tried("mkdir", mkdir("/tmp/vidmuse_misbehaved", 0700)); }},
      {"say who it is",
       [] { return absl::InvalidArgumentError("user " + std::to_string(geteuid())); }},
      {"close and loop",
       []() -> absl::Status {
         close(kAnswerFd);
         Loop();
       }},
      {"allocate without end", AllocateWithoutEnd},
      {"allocate too much at once",
       []() -> absl::Status {
         std::vector<char> memory(size_t{1} << 40);
         return absl::InvalidArgumentError(std::string(1, memory[12345]));
       }},
      {"open a file", [] { return Tried("open", open("/etc/passwd", O_RDONLY)); }},
      {"open a socket", [] { return Tried("socket", socket(AF_INET, SOCK_STREAM, 0)); }},
      {"run a program",
       [] {
         char name[] = "/bin/true";
         char* arguments[] = {name, nullptr};
         return Tried("execve", execve(name, arguments, nullptr));
       }},
      {"fork", [] { return Tried("fork", fork()); }},
      {"send a signal", [] { return Tried("kill", kill(getpid(), 0)); }},
      {"make code",
       [] {
         void* page = mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         return Tried("mmap", page == MAP_FAILED ? -1 : 0);
       }},
      {"say nonsense", [] { return Answer(std::string(100, 'x')); }},
      {"start twice",
       [] {
         const AnswerHeader header = {kAnswerMagic, AnswerKind::kConfined, 0, 0, 0};
         Send(&header, sizeof(header));
         return absl::InvalidArgumentError("unreachable");
       }},
      {"message without end",
       [] {
         const AnswerHeader header = {kAnswerMagic, AnswerKind::kRefused, 1u << 31, 0, 0};
         Send(&header, sizeof(header));
         return absl::OkStatus();
       }},
      {"escape codes",
       [] { return absl::InvalidArgumentError("\x1b[31mred\n\"status\":\"ok\"\xff"); }},
      {"many frames", [] { return SendFrames(2, 37, {}); }},
      {"no frames", [] { return SendFrames(2, 0, {}); }},
      {"many seconds", [] { return SendFrames(601, 1, {}); }},
      {"no seconds", [] { return SendFrames(0, 1, {}); }},
      {"index below",
       [] {
         return SendFrames(2, 1, {0, 0, 0, -1});
       }},
      {"index beyond",
       [] {
         return SendFrames(2, 1, {0, 0, 0, 1});
       }},
      {"sound without end",
       [] { return SendSound(32000, std::numeric_limits<uint64_t>::max(), {}); }},
      {"sound cut", [] { return SendSound(32000, 32000, std::vector<float>(31999)); }},
      {"sound of no numbers",
       [] {
         return SendSound(32000, 32000,
                          std::vector<float>(32000, std::numeric_limits<float>::quiet_NaN()));
       }},
      {"sound at no rate", [] { return SendSound(0, 32000, std::vector<float>(32000)); }},
      {"part without end",
       [] { return SendParts({SoundPart(8000, 1, std::numeric_limits<uint64_t>::max())}, {}); }},
      {"part too long",
       [] {
         return SendParts({SoundPart(8000, 1, kMostSoundPart + 1), SoundEnd()},
                          std::vector<float>(kMostSoundPart + 1));
       }},
      {"part cut", [] { return SendParts({SoundPart(8000, 1, 8)}, std::vector<float>(7)); }},
      {"part without channels",
       [] {
         return SendParts({SoundPart(8000, 0, 8), SoundEnd()}, {});
       }},
      {"part of no numbers",
       [] {
         return SendParts({SoundPart(8000, 1, 8), SoundEnd()},
                          std::vector<float>(8, std::numeric_limits<float>::quiet_NaN()));
       }},
      {"part at no rate",
       [] {
         return SendParts({SoundPart(0, 1, 8), SoundEnd()}, std::vector<float>(8));
       }},
      {"parts without end",
       [] {
         const std::vector<AnswerHeader> parts(1000, SoundPart(8000, 1, 8000));
         return SendParts(parts, std::vector<float>(8000));
       }},
      {"parts of other channels",
       [] {
         return SendParts({SoundPart(8000, 1, 8), SoundPart(8000, 2, 8), SoundEnd()},
                          std::vector<float>(8));
       }},
      {"parts of other rates",
       [] {
         return SendParts({SoundPart(8000, 1, 8), SoundPart(9000, 1, 8), SoundEnd()},
                          std::vector<float>(8));
       }},
      {"no parts", [] { return SendParts({SoundEnd()}, {}); }},
      {"two pictures",
       [] {
         return SendPictures(kPlausible, {4, 2}, 24, 2);
       }},
      {"one picture",
       [] {
         return SendPictures(kPlausible, {4, 2}, 24, 1);
       }},
      {"three pictures",
       [] {
         return SendPictures(kPlausible, {4, 2}, 24, 3);
       }},
      {"pictures cut",
       [] {
         return SendPictures(kPlausible, {4, 2}, 23, 1);
       }},
      {"huge pictures",
       [] {
         return SendPictures(kPlausible, {1 << 30, 1 << 30}, 24, 2);
       }},
      {"pictures below nothing",
       [] {
         return SendPictures(kPlausible, {-4, -2}, 24, 2);
       }},
      {"pictures of no frames",
       [] {
         return SendPictures({4, 2, 0, 25, 2}, {4, 2}, 24, 2);
       }},
      {"pictures at no rate",
       [] {
         return SendPictures({4, 2, 10, std::numeric_limits<double>::quiet_NaN(), 2}, {4, 2}, 24,
                             2);
       }},
      {"frames cut", [] { return SendFrames(2, 1, std::vector<int32_t>(4 + kGlobalFrames)); }},
  };
  return *deeds;
}

// One frame, all over 2 seconds.
VideoFrames OneFrame(uint8_t value) {
  VideoFrames video;
  video.seconds = 2;
  video.frames.emplace_back(kFrameBytes, value);
  video.local.assign(2 * kLocalFrameRate, 0);
  video.global.assign(kGlobalFrames, 0);
  return video;
}

// A video of 2 seconds whose four frames are groups of their own.
constexpr uint32_t kSplitFrames = 4;

absl::Status Split() {
  AnswerHeader header = {kAnswerMagic, AnswerKind::kSplit, 0, 2, kSplitFrames};
  header.groups = kSplitFrames;
  Send(&header, sizeof(header));
  const std::vector<int32_t> local = {0, 1, 2, 3};
  Send(local.data(), local.size() * sizeof(int32_t));
  const std::vector<int32_t> global(kGlobalFrames, 3);
  Send(global.data(), global.size() * sizeof(int32_t));
  return absl::OkStatus();
}

// What a process does with the group that it claimed, by the end of the video's name.
void DecodeBadly(const std::string& video, uint32_t group, DecoderAnswers& answers) {
  const std::vector<uint8_t> pixels(kFrameBytes, static_cast<uint8_t>(group));
  if (group != 2 || video.ends_with("well")) return answers.Frame(static_cast<int>(group), pixels);
  if (video.ends_with("crash")) raise(SIGSEGV);
  if (video.ends_with("loop")) Loop();
  if (video.ends_with("doubt later")) answers.Frame(2, pixels);
  if (video.ends_with("doubt") || video.ends_with("doubt later")) return answers.Unsure();
  if (video.ends_with("send one twice")) return answers.Frame(1, pixels);
  if (video.ends_with("send one beyond")) return answers.Frame(kSplitFrames, pixels);
  if (video.ends_with("send nonsense")) return Send("nonsense", 8);
  if (video.ends_with("take memory")) static_cast<void>(AllocateWithoutEnd());
  if (video.ends_with("leave one out")) return;
}

absl::Status DecodeSplit(const DecodeTask& task, DecoderAnswers& answers) {
  if (task.role == DecoderRole::kFirst) {
    TellTimeLimit(6);
    return Split();
  }
  if (task.role == DecoderRole::kGroups) {
    while (const std::optional<uint32_t> group = task.ClaimGroup()) {
      if (*group >= kSplitFrames) break;
      DecodeBadly(std::string(task.file()), *group, answers);
    }
    answers.NoMoreGroups();
    return absl::OkStatus();
  }
  answers.Frames(OneFrame(9));
  return absl::OkStatus();
}

absl::Status Misbehave(const DecodeTask& task, DecoderAnswers& answers) {
  const std::string video(task.file());
  if (video == "split without end") return Split();
  if (video.starts_with("split and ")) return DecodeSplit(task, answers);
  const auto deed = Deeds().find(video);
  if (deed != Deeds().end()) return deed->second();
  answers.Frames(OneFrame(7));  // well-behaved
  return absl::OkStatus();
}

}  // namespace
}  // namespace vidmuse

int main(int argc, char** argv) { vidmuse::RunDecoderProgram(argc, argv, vidmuse::Misbehave); }
