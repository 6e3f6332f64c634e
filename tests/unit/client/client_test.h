// One call of the client library with everything that came of it.
#ifndef VIDMUSE_TESTS_UNIT_CLIENT_CLIENT_TEST_H_
#define VIDMUSE_TESTS_UNIT_CLIENT_CLIENT_TEST_H_

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "client/music_client.h"
#include "tests/unit/client/fake_music_server.h"

namespace vidmuse {

inline constexpr absl::Duration kLong = absl::Seconds(30);

class ClientTest : public testing::Test {
 protected:
  // Of `video_` by `client_options_` and `options_`, waiting for nothing.
  absl::Status Generate(std::vector<std::string> addresses) {
    client_options_.addresses = std::move(addresses);
    if (!client_options_.sleep) {
      client_options_.sleep = [this](absl::Duration delay) { sleeps_.push_back(delay); };
    }
    auto client = MusicClient::Create(client_options_);
    if (!client.ok()) return client.status();
    audio_.clear();
    GenerateSink sink;
    sink.started = [this](const v1::GenerationStarted&) {
      ++started_;
      return absl::OkStatus();
    };
    sink.chunk = [this](const v1::AudioChunk& chunk) {
      audio_ += chunk.data();
      return on_chunk_ ? on_chunk_(chunk) : absl::OkStatus();
    };
    sink.progress = [this](const v1::GenerationProgress& progress) {
      progress_.push_back(progress);
    };
    if (can_restart_) {
      sink.restart = [this] {
        ++restarts_;
        audio_.clear();
        return absl::OkStatus();
      };
    }
    sink.spliced = [this](const Splice& splice) { splices_.push_back(splice); };
    sink.finished = [this](const v1::GenerationFinished&) { ++finished_; };
    sink.uploaded = [this](uint64_t sent) { uploaded_ = sent; };
    sink.retrying = [this](const absl::Status& status, absl::Duration) {
      failures_.push_back(status);
    };
    if (options_.deadline == absl::InfiniteDuration()) options_.deadline = kLong;
    return (*client)->Generate(options_, *VideoSource::FromMemory(video_), sink);
  }

  std::string video_ = std::string(700'000, 'v');
  ClientOptions client_options_;
  GenerateOptions options_;
  std::function<absl::Status(const v1::AudioChunk&)> on_chunk_;

  bool can_restart_ = false;

  FakeSong song_;
  int started_ = 0;
  int finished_ = 0;
  int restarts_ = 0;
  uint64_t uploaded_ = 0;
  std::string audio_;
  std::vector<v1::GenerationProgress> progress_;
  std::vector<Splice> splices_;
  std::vector<absl::Duration> sleeps_;
  std::vector<absl::Status> failures_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_UNIT_CLIENT_CLIENT_TEST_H_
