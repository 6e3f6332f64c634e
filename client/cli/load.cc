#include "client/cli/load.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/cli/load_stats.h"
#include "client/cli/output_file.h"
#include "core/base/clock.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

// Songs that run at once with --rate. A service that can't keep up would collect any number.
constexpr int kMostAtOnce = 1024;
// How often a waiting thread looks whether it shall stop.
constexpr absl::Duration kLook = absl::Milliseconds(50);

absl::Duration Now() { return Clock::Real()->Monotonic(); }

using Videos = std::vector<std::unique_ptr<VideoSource>>;

// The file, or all files of the folder, by name.
absl::StatusOr<Videos> OpenVideos(const std::string& path) {
  std::error_code error;
  std::vector<std::string> paths = {path};
  if (std::filesystem::is_directory(path, error)) {
    paths.clear();
    for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
      if (entry.is_regular_file()) paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());
  }
  Videos videos;
  for (const std::string& one : paths) {
    ASSIGN_OR_RETURN(videos.emplace_back(), VideoSource::OpenFile(one));
  }
  if (videos.empty()) return absl::InvalidArgumentError(absl::StrCat(path, " holds no file"));
  return videos;
}

class Load {
 public:
  Load(const CliOptions& options, MusicClient& client, Cancellation* cancellation, Videos videos)
      : options_(options),
        client_(client),
        cancellation_(cancellation),
        videos_(std::move(videos)),
        begin_(Now()),
        stats_(begin_, options.load_seconds) {}

  void Run() {
    std::thread line([this] { ShowProgress(); });
    if (options_.rate > 0) {
      StartAtRandom();
    } else {
      KeepRunning();
    }
    done_ = true;
    line.join();
  }

  const LoadStats& stats() const { return stats_; }

 private:
  bool Over() const {
    return cancellation_->cancelled() || Now() - begin_ >= absl::Seconds(options_.load_seconds);
  }

  // So many songs at once: each thread makes one after the other.
  void KeepRunning() {
    std::vector<std::thread> threads;
    threads.reserve(static_cast<size_t>(options_.concurrency));
    for (int i = 0; i < options_.concurrency; ++i) {
      threads.emplace_back([this] {
        while (!Over()) MakeSong();
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  // A Poisson process. Its seed is fixed, so that two runs start their songs at the same moments.
  void StartAtRandom() {
    std::mt19937_64 random(1);  // NOLINT(bugprone-random-generator-seed): as said above
    std::exponential_distribution<double> gap(options_.rate);
    absl::Duration next = begin_ + absl::Seconds(gap(random));
    while (!Over()) {
      if (Now() < next) {
        absl::SleepFor(std::min(next - Now(), kLook));
        continue;
      }
      next += absl::Seconds(gap(random));
      if (running_ >= kMostAtOnce) continue;
      ++running_;
      std::thread([this] {
        MakeSong();
        --running_;
      }).detach();
    }
    while (running_ > 0) absl::SleepFor(kLook);
  }

  void MakeSong() {
    const size_t number = number_++;
    GenerateOptions generate;
    generate.config = options_.config;
    // Songs differ, unless a seed was asked for.
    if (!generate.config.sampling().has_seed()) {
      generate.config.mutable_sampling()->set_seed(number);
    }
    generate.deadline = options_.deadline;
    generate.cancellation = cancellation_;
    Listener listener(Now());
    const absl::Duration begin = Now();
    double rate = 0;
    GenerateSink sink;
    sink.started = [&](const v1::GenerationStarted& started) {
      rate = started.sample_rate();
      return absl::OkStatus();
    };
    sink.chunk = [&](const v1::AudioChunk& chunk) {
      const double seconds = rate > 0 ? static_cast<double>(chunk.num_samples()) / rate : 0;
      // The variants are heard one at a time, and come side by side.
      if (chunk.variant() == 0) listener.OnChunk(Now(), seconds);
      stats_.OnAudio(Now(), seconds);
      return absl::OkStatus();
    };
    stats_.OnStart();
    const absl::Status status = client_.Generate(generate, *videos_[number % videos_.size()], sink);
    stats_.OnEnd(listener, status, absl::ToDoubleSeconds(Now() - begin));
  }

  void ShowProgress() {
    const bool terminal = isatty(STDERR_FILENO) != 0;
    absl::Duration next = begin_ + absl::Seconds(1);
    while (!done_) {
      absl::SleepFor(kLook);
      if (!terminal || Now() < next) continue;
      next += absl::Seconds(1);
      absl::FPrintF(stderr, "\r\033[K%s", stats_.Line(Now()));
    }
    if (terminal) absl::FPrintF(stderr, "\r\033[K");
  }

  const CliOptions& options_;
  MusicClient& client_;
  Cancellation* const cancellation_;
  const Videos videos_;
  const absl::Duration begin_;
  LoadStats stats_;
  std::atomic<size_t> number_ = 0;
  std::atomic<int> running_ = 0;
  std::atomic<bool> done_ = false;
};

}  // namespace

absl::Status RunLoad(const CliOptions& options, MusicClient& client, Cancellation* cancellation) {
  ASSIGN_OR_RETURN(Videos videos, OpenVideos(options.video));
  Load load(options, client, cancellation, std::move(videos));
  load.Run();
  absl::FPrintF(stderr, "%s\n", load.stats().Line(absl::InfiniteDuration()));
  const std::string json = load.stats().Json().dump(1) + "\n";
  if (!options.json.empty()) {
    ASSIGN_OR_RETURN(const std::unique_ptr<OutputFile> file, OutputFile::Create(options.json));
    RETURN_IF_ERROR(file->Append(json));
    RETURN_IF_ERROR(file->Commit());
  }
  if (load.stats().whole() > 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("no song was made whole: ", json));
}

}  // namespace vidmuse
