#include "tests/e2e/harness.h"

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "core/base/status_macros.h"
#include "tests/support/http_get.h"

namespace vidmuse {
namespace {

constexpr char kServer[] = VIDMUSE_BIN_DIR "/vidmuse_server";
constexpr char kClient[] = VIDMUSE_BIN_DIR "/vidmuse";
constexpr char kMakeModel[] = VIDMUSE_BIN_DIR "/vidmuse_make_model";
constexpr absl::Duration kStartTimeout = absl::Seconds(kPatience * 60);

class TempFolder {
 public:
  TempFolder()
      : path_(absl::StrCat(std::filesystem::temp_directory_path().string(), "/vidmuse-e2e-",
                           getpid())) {
    std::filesystem::create_directories(path_);
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

absl::Status MakeModel(const std::string& folder, const std::string& clip_width) {
  const RunResult made = RunProgram({kMakeModel, "--out", folder, "--clip_width", clip_width},
                                    kPatience * absl::Minutes(2));
  if (made.exit_code == 0) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat(kMakeModel, " ended with ", made.exit_code, ": ", made.error));
}

}  // namespace

std::string DataPath(const std::string& name) { return absl::StrCat(VIDMUSE_TEST_DATA, "/", name); }

std::string GoldenVideo(const std::string& name) {
  return DataPath(absl::StrCat("golden/videos/", name, ".mp4"));
}

std::string TempFile(const std::string& name) {
  static const TempFolder folder;
  return absl::StrCat(folder.path(), "/", name);
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

double ResidentMegabytes(pid_t pid, const std::string& name) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  for (std::string line; std::getline(status, line);) {
    if (!absl::StartsWith(line, name)) continue;
    return std::strtod(line.c_str() + name.size(), nullptr) / 1024;
  }
  return 0;
}

absl::StatusOr<std::string> TinyModel() {
  static const std::string folder = TempFile("tiny");
  static const absl::Status made = MakeModel(folder, "768");
  RETURN_IF_ERROR(made);
  return folder;
}

absl::StatusOr<std::string> QuickModel() {
  static const std::string folder = TempFile("quick");
  static const absl::Status made = MakeModel(folder, "192");
  RETURN_IF_ERROR(made);
  return folder;
}

absl::StatusOr<std::unique_ptr<ServerProcess>> ServerProcess::Start(
    const std::vector<std::string>& more_flags, const std::vector<std::string>& environment) {
  ASSIGN_OR_RETURN(const std::string model, QuickModel());
  std::vector<std::string> args;
  if (!environment.empty()) args.push_back("/usr/bin/env");
  args.insert(args.end(), environment.begin(), environment.end());
  args.insert(args.end(), {kServer, "--model_dir", model, "--listen", "127.0.0.1:0",
                           "--metrics_listen", "127.0.0.1:0", "--device", "cpu"});
  args.insert(args.end(), more_flags.begin(), more_flags.end());
  return StartProgram(std::move(args));
}

absl::StatusOr<std::unique_ptr<ServerProcess>> ServerProcess::StartProgram(
    std::vector<std::string> args) {
  ASSIGN_OR_RETURN(std::unique_ptr<Subprocess> process, Subprocess::Start(args));
  ASSIGN_OR_RETURN(const std::string line, process->WaitForErrorLine("ready", kStartTimeout));
  // The line names gRPC's port first, then the port of the metrics.
  static const std::regex kPort("127\\.0\\.0\\.1:([0-9]+)");
  std::vector<std::string> ports;
  for (std::sregex_iterator it(line.begin(), line.end(), kPort), end; it != end; ++it) {
    ports.push_back(it->str(1));
  }
  if (ports.size() != 2) {
    return absl::InternalError(absl::StrCat("two addresses expected in: ", line));
  }
  return std::unique_ptr<ServerProcess>(new ServerProcess(
      std::move(process), absl::StrCat("127.0.0.1:", ports[0]), std::stoi(ports[1])));
}

ServerProcess::ServerProcess(std::unique_ptr<Subprocess> process, std::string address,
                             int metrics_port)
    : process_(std::move(process)), address_(std::move(address)), metrics_port_(metrics_port) {}

absl::StatusOr<std::string> ServerProcess::Metrics() const {
  return HttpGet(metrics_port_, "/metrics");
}

absl::Status ServerProcess::WaitForMetric(const std::string& name, const std::string& label,
                                          double value, absl::Duration timeout) const {
  const absl::Time deadline = absl::Now() + timeout;
  for (;;) {
    ASSIGN_OR_RETURN(const std::string metrics, Metrics());
    std::string samples;
    for (absl::string_view line : absl::StrSplit(metrics, '\n')) {
      const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(' ', 1));
      const absl::string_view found = parts[0].substr(0, parts[0].find('{'));
      if (found != name || !absl::StrContains(parts[0], label)) continue;
      double number = 0;
      if (parts.size() != 2 || !absl::SimpleAtod(parts[1], &number)) continue;
      if (value < 0 || number == value) return absl::OkStatus();
      absl::StrAppend(&samples, line, "\n");
    }
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat("no ", name, " ", label, " of ", value, " in: ", samples));
    }
    absl::SleepFor(absl::Milliseconds(20));
  }
}

void ServerProcess::Terminate() { process_->Signal(SIGTERM); }

absl::Status ServerProcess::WaitForCleanExit(absl::Duration timeout) {
  ASSIGN_OR_RETURN(const int code, process_->Wait(timeout));
  if (code != 0) {
    return absl::InternalError(absl::StrCat("the server ended with ", code, ": ", log()));
  }
  for (absl::string_view line : absl::StrSplit(log(), '\n', absl::SkipEmpty())) {
    if (nlohmann::json::accept(line)) continue;
    return absl::InternalError(absl::StrCat("a line of the server's log is not JSON: ", line));
  }
  return absl::OkStatus();
}

absl::Status ServerProcess::Stop() {
  Terminate();
  return WaitForCleanExit();
}

RunResult Generate(const ServerProcess& server, const std::string& video, const std::string& output,
                   const std::vector<std::string>& flags) {
  std::vector<std::string> args = {kClient,   "generate", "--server", server.address(),
                                   "--video", video,      "--output", output};
  args.insert(args.end(), flags.begin(), flags.end());
  return RunProgram(args, kPatience * absl::Minutes(4));
}

absl::StatusOr<std::vector<std::vector<int>>> ReadTokens(const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(path);
  std::vector<std::vector<int>> frames;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::vector<int> frame;
    for (int token; fields >> token;) frame.push_back(token);
    frames.push_back(std::move(frame));
  }
  return frames;
}

std::vector<float> Floats(absl::string_view bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

}  // namespace vidmuse
