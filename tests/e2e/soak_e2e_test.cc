// Replicas behind HAProxy and nginx come and go while clients make songs. Each call must end with
// the right bytes or a clear status, and no process's memory may grow. Set VIDMUSE_SOAK_SECONDS=600
// for the long run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/music_client.h"
#include "core/base/mutex.h"
#include "tests/e2e/harness.h"
#include "tests/e2e/load_balancer.h"
#include "tests/support/notification.h"

namespace vidmuse {
namespace {

using testing::IsEmpty;

absl::Duration SoakTime() {
  const char* value = std::getenv("VIDMUSE_SOAK_SECONDS");
  return absl::Seconds(value != nullptr ? std::atof(value) : kSanitized ? 80 : 20);
}

// Number of songs. A song's seed is its index.
constexpr int kSongs = 6;

GenerateOptions Options(int song) {
  GenerateOptions options;
  options.config.mutable_sampling()->set_seed(song);
  options.config.set_max_duration_seconds(2 + song % 3);
  options.config.set_max_chunk_seconds(0.2);
  options.config.set_loudness(song % 2 == 0 ? v1::LOUDNESS_NONE : v1::LOUDNESS_STREAMING);
  options.config.set_format(song % 3 == 0   ? v1::AUDIO_FORMAT_MP3
                            : song % 3 == 1 ? v1::AUDIO_FORMAT_WAV
                                            : v1::AUDIO_FORMAT_FLAC);
  options.deadline = kPatience * absl::Minutes(2);
  return options;
}

absl::Status Make(MusicClient& client, int song, const std::string& video, std::string* audio) {
  GenerateSink sink;
  sink.chunk = [&](const v1::AudioChunk& chunk) {
    *audio += chunk.data();
    return absl::OkStatus();
  };
  return client.Generate(Options(song), *VideoSource::FromMemory(video), sink);
}

// Counts how calls ended. Thread-safe.
class Tally {
 public:
  void Count(const std::string& kind, const absl::Status& status) {
    MutexLock lock(&mutex_);
    ++ends_[absl::StrCat(kind, " ", absl::StatusCodeToString(status.code()))];
    ++calls_;
  }
  void Wrong(std::string what) {
    MutexLock lock(&mutex_);
    wrong_.push_back(std::move(what));
  }
  std::vector<std::string> wrong() const {
    MutexLock lock(&mutex_);
    return wrong_;
  }
  int calls() const {
    MutexLock lock(&mutex_);
    return calls_;
  }
  void Print() const {
    MutexLock lock(&mutex_);
    for (const auto& [end, count] : ends_) std::printf("%6d %s\n", count, end.c_str());
    std::fflush(stdout);
  }

 private:
  mutable Mutex mutex_;
  std::map<std::string, int> ends_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> wrong_ ABSL_GUARDED_BY(mutex_);
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
};

class SoakE2eTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const auto kind : {LoadBalancer::Kind::kHaproxy, LoadBalancer::Kind::kNginx}) {
      if (!LoadBalancer::Has(kind)) GTEST_SKIP() << "haproxy and nginx are needed";
    }
    for (int i = 0; i < kReplicas; ++i) {
      addresses_.push_back(absl::StrCat("127.0.0.1:", FreePort()));
      StartReplica(i);
      ASSERT_NE(replicas_[i], nullptr);
    }
    auto client = MusicClient::Create({.addresses = {addresses_[0]}});
    ASSERT_TRUE(client.ok()) << client.status();
    for (int song = 0; song < kSongs; ++song) {
      ASSERT_EQ(Make(**client, song, video_, &expected_[song]), absl::OkStatus());
    }
    haproxy_ = std::make_unique<LoadBalancer>(LoadBalancer::Kind::kHaproxy, addresses_);
    nginx_ = std::make_unique<LoadBalancer>(LoadBalancer::Kind::kNginx, addresses_);
  }

  void StartReplica(int i) {
    auto server = ServerProcess::Start({"--listen", addresses_[i], "--drain_seconds", "3"});
    EXPECT_TRUE(server.ok()) << server.status();
    if (server.ok()) replicas_[i] = *std::move(server);
  }

  // Makes calls through one proxy until the time is up. A patient client retries and resumes, and
  // all its calls must succeed. An impatient one must get a correct beginning and a clear status.
  void CallOn(const std::string& name, const std::string& address, bool patient, unsigned first) {
    auto client = MusicClient::Create(
        {.addresses = {address}, .max_retries = patient ? 30 : 0, .max_backoff = absl::Seconds(2)});
    for (unsigned call = first; !over_.WaitFor(absl::ZeroDuration()); ++call) {
      const int song = static_cast<int>(call % kSongs);
      std::string audio;
      const absl::Status status = Make(**client, song, video_, &audio);
      tally_.Count(absl::StrCat(name, patient ? " patient" : " once"), status);
      const bool right =
          status.ok() ? audio == expected_[song] : absl::StartsWith(expected_[song], audio);
      if (!right) {
        tally_.Wrong(absl::StrCat(name, ": song ", song, ": ", audio.size(), " wrong bytes"));
      }
      if (patient && !status.ok()) tally_.Wrong(absl::StrCat(name, ": ", status.ToString()));
      const bool clear =
          status.ok() || absl::IsUnavailable(status) || absl::IsResourceExhausted(status);
      if (!clear || (!status.ok() && status.message().empty())) {
        tally_.Wrong(absl::StrCat(name, ": not a clear status: ", status.ToString()));
      }
      // Pauses after a failure, because a client that is refused at once would only load the
      // machine.
      if (!status.ok()) over_.WaitFor(absl::Milliseconds(100));
    }
  }

  // Ends all replicas but the first in turn, by SIGKILL and by SIGTERM, and starts them again.
  void ComeAndGo() {
    for (int round = 0; !over_.WaitFor(absl::Seconds(1)); ++round) {
      const int i = 1 + round % (kReplicas - 1);
      if (round / (kReplicas - 1) % 2 == 0) {
        replicas_[i] = nullptr;  // SIGKILL
      } else {
        const absl::Time told = absl::Now();
        const absl::Status stopped = replicas_[i]->Stop();
        if (!stopped.ok()) tally_.Wrong(stopped.ToString());
        longest_stop_ = std::max(longest_stop_, absl::Now() - told);
        replicas_[i] = nullptr;
      }
      over_.WaitFor(absl::Seconds(1));  // long enough for the proxies to notice
      StartReplica(i);
      if (replicas_[i] == nullptr) return;
      ++restarts_;
    }
  }

  std::string MemoryNow() const {
    return absl::StrCat("haproxy ", Mb(haproxy_->pid()), ", nginx ", Mb(nginx_->pid()),
                        ", the replica that stays ", Mb(replicas_[0]->pid()), ", clients ",
                        Mb(getpid()), " MB");
  }
  static int Mb(pid_t pid) { return static_cast<int>(ResidentMegabytes(pid)); }

  static constexpr int kReplicas = 3;
  const std::string video_ = ReadFile(GoldenVideo("pattern_4s"));
  std::string expected_[kSongs];
  std::vector<std::string> addresses_;
  std::unique_ptr<ServerProcess> replicas_[kReplicas];
  std::unique_ptr<LoadBalancer> haproxy_, nginx_;
  Notification over_;
  Tally tally_;
  int restarts_ = 0;
  absl::Duration longest_stop_;
};

TEST_F(SoakE2eTest, ReplicasComeAndGoBehindProxies) {
  std::vector<std::thread> threads;
  unsigned first = 0;
  for (const auto& [name, proxy] :
       {std::pair("haproxy", haproxy_.get()), {"nginx", nginx_.get()}}) {
    for (const bool patient : {true, true, false}) {
      threads.emplace_back([this, name = std::string(name), address = proxy->address(), patient,
                            first] { CallOn(name, address, patient, first); });
      ++first;
    }
  }
  threads.emplace_back([this] { ComeAndGo(); });

  const pid_t pids[] = {haproxy_->pid(), nginx_->pid(), replicas_[0]->pid(), getpid()};
  const absl::Duration time = SoakTime();
  Notification never;
  never.WaitFor(0.3 * time);  // always times out
  std::vector<double> before;
  for (const pid_t pid : pids) before.push_back(ResidentMegabytes(pid));
  for (int part = 0; part < 7; ++part) {
    std::printf("%d calls; %s\n", tally_.calls(), MemoryNow().c_str());
    std::fflush(stdout);
    never.WaitFor(0.1 * time);
  }
  over_.Notify();
  for (std::thread& thread : threads) thread.join();

  std::printf("%d calls, %d restarts, longest stop %s; %s\n", tally_.calls(), restarts_,
              absl::FormatDuration(longest_stop_).c_str(), MemoryNow().c_str());
  tally_.Print();
  EXPECT_THAT(tally_.wrong(), IsEmpty());
  EXPECT_GE(restarts_, 2);
  // A stop takes at most the drain time, plus the time to end the process.
  EXPECT_LT(longest_stop_, absl::Seconds(3 + kPatience * 2));
  for (size_t i = 0; !kSanitized && i < before.size(); ++i) {
    EXPECT_LT(ResidentMegabytes(pids[i]), 1.2 * before[i] + 30) << "process " << i;
  }
  for (const char* gauge : {"vidmuse_requests_running", "vidmuse_requests_waiting"}) {
    EXPECT_EQ(replicas_[0]->WaitForMetric(gauge, "", 0), absl::OkStatus());
  }
}

}  // namespace
}  // namespace vidmuse
