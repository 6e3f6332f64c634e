// Makes a whole song with the golden model, through the generator.
#ifndef VIDMUSE_TESTS_GOLDEN_GOLDEN_SONG_H_
#define VIDMUSE_TESTS_GOLDEN_GOLDEN_SONG_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/generator/generator_impl.h"
#include "core/model/load_model.h"
#include "core/model/synthetic/hash_model.h"
#include "core/video/frame_sampler.h"
#include "tests/golden/golden_tokens.h"
#include "tests/support/sanitized.h"
#include "tests/support/stream_reader.h"
#include "vidmuse/request.h"

namespace vidmuse {

// The bytes of one of the golden videos.
inline std::string GoldenVideoFile(const std::string& name) {
  std::ifstream file(Golden(absl::StrCat("videos/", name, ".mp4")), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The golden model with its generator.
class GoldenGenerator {
 public:
  // `device_code`: see ModelOptions. With other sizes, it isn't the golden model.
  explicit GoldenGenerator(bool device_code = false, const HashModelSizes& sizes = {}) {
    ModelOptions options;
    options.precision = "fp32";
    options.device_code = device_code;
    auto model = LoadModelFromFiles(HashLmFile(sizes), HashCodecFile(sizes), options);
    EXPECT_TRUE(model.ok()) << model.status();
    auto generator = NewGenerator(*std::move(model), OpeningComplete(OpenVideo), {}, Clock::Real(),
                                  &metrics_);
    EXPECT_TRUE(generator.ok()) << generator.status();
    generator_ = *std::move(generator);
  }

  // A request for greedy tokens.
  static GenerationRequest Greedy() {
    GenerationRequest request;
    request.sampling.greedy = true;
    request.loudness = LoudnessMode::kNone;
    request.return_tokens = true;
    return request;
  }

  // Returns the song's tokens, [frames][4].
  std::vector<int32_t> Tokens(const GenerationRequest& request, const std::string& video) {
    const auto stream = generator_->Submit(request);
    EXPECT_TRUE(stream.ok()) << stream.status();
    EXPECT_TRUE((*stream)->AppendVideo(video).ok());
    EXPECT_TRUE((*stream)->FinishVideo().ok());
    const ReadSong song = ReadToEnd(**stream, absl::Seconds(kPatience * 120));
    EXPECT_TRUE(song.finished.ok()) << song.finished.status();
    return {song.tokens.begin(), song.tokens.end()};
  }

 private:
  NullMetricsSink metrics_;
  std::unique_ptr<Generator> generator_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_GOLDEN_GOLDEN_SONG_H_
