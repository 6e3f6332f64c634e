// Several songs for one video, through the real server and client.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/music_client.h"
#include "tests/e2e/harness.h"

namespace vidmuse {
namespace {

constexpr int kVariants = 3;

struct Made {
  v1::GenerationStarted started;
  std::vector<std::string> files, tokens;
};

// `after_audio` is called once, when each variant has audio.
absl::StatusOr<Made> Make(const std::vector<std::string>& addresses, int variants, uint64_t seed,
                          const std::function<void()>& after_audio = nullptr) {
  auto client = MusicClient::Create({.addresses = addresses, .max_retries = 20});
  if (!client.ok()) return client.status();
  GenerateOptions options;
  options.config.mutable_sampling()->set_seed(seed);
  options.config.set_loudness(v1::LOUDNESS_STREAMING);
  options.config.set_format(v1::AUDIO_FORMAT_MP3);
  options.config.set_max_chunk_seconds(0.2);
  if (variants > 1) options.config.set_variants(variants);
  options.deadline = kPatience * absl::Minutes(3);
  Made made;
  made.files.resize(variants);
  made.tokens.resize(variants);
  bool told = after_audio == nullptr;
  GenerateSink sink;
  sink.started = [&](const v1::GenerationStarted& started) {
    made.started = started;
    return absl::OkStatus();
  };
  sink.chunk = [&](const v1::AudioChunk& chunk) {
    made.files[chunk.variant()] += chunk.data();
    made.tokens[chunk.variant()] += chunk.tokens();
    const bool all = std::none_of(made.files.begin(), made.files.end(),
                                  [](const std::string& file) { return file.empty(); });
    if (all && !std::exchange(told, told || all)) after_audio();
    return absl::OkStatus();
  };
  const std::string bytes = ReadFile(GoldenVideo("life_7s"));
  const absl::Status status = (*client)->Generate(options, *VideoSource::FromMemory(bytes), sink);
  if (!status.ok()) return status;
  return made;
}

TEST(VariantsE2eTest, EachIsWhatItIsAloneEvenWhenTheirServerIsKilled) {
  std::unique_ptr<ServerProcess> servers[2];
  std::vector<std::string> addresses;
  for (auto& server : servers) {
    auto started = ServerProcess::Start();
    ASSERT_TRUE(started.ok()) << started.status();
    server = *std::move(started);
    addresses.push_back(server->address());
  }
  int killed = 0;
  // The first address is used first.
  const auto made = Make(addresses, kVariants, 5, [&] {
    servers[0] = nullptr;
    ++killed;
  });
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(killed, 1);
  ASSERT_EQ(made->started.seeds_size(), kVariants);
  for (int v = 0; v < kVariants; ++v) {
    const auto alone = Make({addresses[1]}, 1, made->started.seeds(v));
    ASSERT_TRUE(alone.ok()) << alone.status();
    EXPECT_TRUE(made->files[v] == alone->files[0]) << "variant " << v;
  }
}

TEST(VariantsE2eTest, TheToolWritesAFileForEach) {
  auto server = ServerProcess::Start();
  ASSERT_TRUE(server.ok()) << server.status();
  const auto generate = [&](const std::string& name, std::vector<std::string> flags) {
    flags.insert(flags.end(), {"--seed", "3"});
    const RunResult result = Generate(**server, GoldenVideo("pattern_4s"), TempFile(name), flags);
    EXPECT_EQ(result.exit_code, 0) << result.error;
    return result.error;
  };
  const std::string tokens = TempFile("two.tokens");
  EXPECT_THAT(generate("two.wav", {"--variants", "2", "--tokens", tokens}),
              testing::HasSubstr("two-2.wav"));
  generate("one.wav", {"--tokens", TempFile("one.tokens")});
  EXPECT_TRUE(ReadFile(TempFile("two-1.wav")) == ReadFile(TempFile("one.wav")));
  EXPECT_EQ(ReadFile(TempFile("two-1.tokens")), ReadFile(TempFile("one.tokens")));
  EXPECT_FALSE(ReadFile(TempFile("two-2.wav")) == ReadFile(TempFile("one.wav")));
  // All tokens are known, so the songs are only decoded.
  generate("again.wav", {"--variants", "2", "--resume", tokens});
  EXPECT_TRUE(ReadFile(TempFile("again-2.wav")) == ReadFile(TempFile("two-2.wav")));
}

}  // namespace
}  // namespace vidmuse
