// What a load test counts, with made-up times.
#include "client/cli/load_stats.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace vidmuse {
namespace {

absl::Duration At(double seconds) { return absl::Seconds(seconds); }

TEST(ListenerTest, PlaybackRunsDryOnceItWaits) {
  Listener listener(At(10));
  listener.OnChunk(At(11), 0);  // a header, without samples
  EXPECT_FALSE(listener.heard());
  listener.OnChunk(At(12), 1);  // plays until 13
  EXPECT_DOUBLE_EQ(listener.first_audio_seconds(), 2);
  listener.OnChunk(At(13), 1);  // just in time; plays until 14
  EXPECT_FALSE(listener.ran_dry());
  listener.OnChunk(At(15), 2);  // a second late; plays until 17
  EXPECT_TRUE(listener.ran_dry());
  EXPECT_DOUBLE_EQ(listener.audio_seconds(), 4);
  EXPECT_EQ(listener.inter_chunk_seconds(), (std::vector<double>{1, 2}));
}

TEST(ListenerTest, AStallDelaysWhatFollows) {
  Listener listener(At(0));
  listener.OnChunk(At(0), 1);
  listener.OnChunk(At(5), 1);  // 4 s late; plays until 6
  Listener copy = listener;
  EXPECT_TRUE(listener.ran_dry());
  copy.OnChunk(At(5.9), 1);
  EXPECT_EQ(copy.inter_chunk_seconds().size(), 2u);
}

TEST(PercentilesTest, AreValuesThatOccurred) {
  Percentiles values;
  EXPECT_EQ(values.At(0.5), 0);
  for (int i = 100; i >= 1; --i) values.Add(i);
  EXPECT_EQ(values.At(0.5), 50);
  EXPECT_EQ(values.At(0.99), 99);
  EXPECT_EQ(values.At(1), 100);
  EXPECT_EQ(values.At(0), 1);
}

TEST(LoadStatsTest, CountsAudioOfItsTimeAndEveryCode) {
  LoadStats stats(At(100), /*seconds=*/10);
  for (int i = 0; i < 3; ++i) stats.OnStart();
  Listener listener(At(100));
  listener.OnChunk(At(101), 20);
  stats.OnAudio(At(101), 20);
  stats.OnAudio(At(111), 7);  // after the load's time
  stats.OnEnd(listener, absl::OkStatus(), 4);
  stats.OnEnd(Listener(At(100)), absl::ResourceExhaustedError(""), 1);
  const nlohmann::json json = stats.Json();
  EXPECT_EQ(json["requests"], 3);
  EXPECT_EQ(json["codes"]["OK"], 1);
  EXPECT_EQ(json["codes"]["RESOURCE_EXHAUSTED"], 1);
  EXPECT_EQ(json["audio_seconds_per_second"], 2.0);
  EXPECT_EQ(json["realtime_factor"], 5.0);
  EXPECT_EQ(json["time_to_first_audio_seconds"]["p99"], 1.0);
  EXPECT_EQ(json["request_seconds"]["max"], 4.0);
  EXPECT_EQ(json["underruns"], 0);
  EXPECT_EQ(stats.whole(), 1);
}

}  // namespace
}  // namespace vidmuse
