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
#include <string>
#include <utility>
#include <vector>

#include "core/video/decoder_program.h"
#include "core/video/sandbox_protocol.h"

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
      {"frames cut", [] { return SendFrames(2, 1, std::vector<int32_t>(4 + kGlobalFrames)); }},
  };
  return *deeds;
}

absl::Status Misbehave(const DecodeTask& task, DecoderAnswers& answers) {
  const auto deed = Deeds().find(std::string(task.video));
  if (deed != Deeds().end()) return deed->second();
  // Well-behaved: one frame, all over 2 seconds.
  VideoFrames video;
  video.seconds = 2;
  video.frames.emplace_back(kFrameBytes, uint8_t{7});
  video.local.assign(2 * kLocalFrameRate, 0);
  video.global.assign(kGlobalFrames, 0);
  answers.Frames(video);
  return absl::OkStatus();
}

}  // namespace
}  // namespace vidmuse

int main(int argc, char** argv) { vidmuse::RunDecoderProgram(argc, argv, vidmuse::Misbehave); }
