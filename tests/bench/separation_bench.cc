// Measures how fast HTDemucs separates, at its published sizes with hash weights. Prints one JSON
// object. Each caller has a thread and a sound of its own, as the workers of a curation have.
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/base/version.h"
#include "core/extractors/htdemucs.h"
#include "nlohmann/json.hpp"
#include "tests/support/htdemucs_file.h"

ABSL_FLAG(int, seconds, 30, "length of each caller's sound");
ABSL_FLAG(int, callers, 1, "sounds that are separated at the same time");
ABSL_FLAG(bool, tiny, false, "separate with a tiny network");

namespace vidmuse {
namespace {

using nlohmann::json;

double ProcessSeconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double PeakRssGb() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024 / 1e9;
}

absl::StatusOr<std::unique_ptr<HtDemucs>> OpenHashNetwork() {
  const std::string folder =
      std::filesystem::temp_directory_path() / absl::StrCat("separation_bench.", getpid());
  std::filesystem::create_directories(folder);
  const HtDemucsConfig config = absl::GetFlag(FLAGS_tiny) ? TinyHtDemucs() : HtDemucsConfig();
  const absl::Status written = WriteHtDemucs(config, folder);
  auto network = HtDemucs::Open(folder);
  std::filesystem::remove_all(folder);
  RETURN_IF_ERROR(written);
  return network;
}

Sound Tones(int seconds) {
  constexpr int kRate = 44100;
  Sound sound{kRate, std::vector<std::vector<float>>(2)};
  for (size_t c = 0; c < 2; ++c) {
    for (int i = 0; i < kRate * seconds; ++i) {
      const auto phase = static_cast<float>(i) * (0.02f + 0.01f * static_cast<float>(c));
      sound.channels[c].push_back(0.3f * std::sin(phase) + 0.1f * std::sin(7 * phase));
    }
  }
  return sound;
}

absl::Status Run() {
  const int seconds = absl::GetFlag(FLAGS_seconds), callers = absl::GetFlag(FLAGS_callers);
  if (seconds < 1 || callers < 1) {
    return absl::InvalidArgumentError("--seconds and --callers must be at least 1");
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<HtDemucs> network, OpenHashNetwork());
  const Sound sound = Tones(seconds);
  RETURN_IF_ERROR(network->SplitVocals(Tones(1)).status());  // warms up
  std::vector<absl::Status> statuses(static_cast<size_t>(callers));
  const double before = ProcessSeconds();
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (absl::Status& status : statuses) {
    threads.emplace_back([&] { status = network->SplitVocals(sound).status(); });
  }
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  const double processor = ProcessSeconds() - before;
  for (const absl::Status& status : statuses) RETURN_IF_ERROR(status);
  const double separated = static_cast<double>(seconds) * callers;
  std::cout << json{{"callers", callers},
                    {"seconds_of_sound_a_second", separated / wall.count()},
                    {"seconds_of_sound_a_core_second", separated / processor},
                    {"peak_rss_gb", PeakRssGb()}}
                   .dump(2)
            << '\n';
  return absl::OkStatus();
}

}  // namespace
}  // namespace vidmuse

int main(int argc, char** argv) {
  if (vidmuse::PrintVersionIfAsked(argc, argv)) return 0;
  absl::SetProgramUsageMessage("Measures the speed of source separation.");
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = vidmuse::Run();
  if (!status.ok()) std::cerr << "vidmuse_separation_bench: " << status.message() << '\n';
  return status.ok() ? 0 : 1;
}
