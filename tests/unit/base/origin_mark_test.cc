#include "core/base/origin_mark.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace vidmuse {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr size_t kWavFmtEnd = 36, kDataChunkHeader = 8;

TEST(OriginTextTest, IsText) {
  for (const std::string& text :
       {std::string(), std::string("Made by us; https://example.com/ai?a=1&b=<2>"),
        std::string("\u00e4 \u20ac \U0001f3b5"), std::string(kMaxOriginTextBytes, 'x')}) {
    EXPECT_EQ(CheckOriginText(text), absl::OkStatus()) << text;
  }
}

TEST(OriginTextTest, WhatIsNoTextIsRefused) {
  for (const std::string& text :
       {std::string(kMaxOriginTextBytes + 1, 'x'), std::string("two\nlines"), std::string("tab\t"),
        std::string("zero\0", 5), std::string("\x7f"), std::string("\xc2\x85"), std::string("\xff"),
        std::string("\xc0\xaf"), std::string("\xe0\x80\x80"), std::string("\xed\xa0\x80"),
        std::string("\xf4\x90\x80\x80"), std::string("\xf0\x80\x80\x80"), std::string("\x80"),
        std::string("cut \xe2\x82"), std::string("\xef\xbf\xbf"), std::string("\u2028")}) {
    EXPECT_EQ(CheckOriginText(text).code(), absl::StatusCode::kInvalidArgument)
        << testing::PrintToString(text);
  }
  EXPECT_THAT(std::string(CheckOriginText("ab\xff").message()), HasSubstr("no UTF-8 at byte 2"));
}

TEST(OriginMarkTest, SamplesOfAWavFileAreAlwaysAtTheSamePlace) {
  for (const Origin& origin :
       {Origin(), Origin{.version = "1", .model = "m", .seed = 7, .text = "odd"},
        Origin{.version = "12345.12345.12345",
        .model = std::string(1000, '&'),
        .seed = ~uint64_t{0},
        .text = std::string(kMaxOriginTextBytes, '&')}}) {
    EXPECT_EQ(kWavFmtEnd + OriginWavChunks(origin).size() + kDataChunkHeader,
              kMarkedWavHeaderBytes);
  }
}

TEST(OriginMarkTest, EveryFactShows) {
  std::set<std::string> wav, id3, xmp;
  for (const Origin& origin : {Origin{.version = "1", .model = "m", .seed = 1, .text = "t"},
                               Origin{.version = "2", .model = "m", .seed = 1, .text = "t"},
                               Origin{.version = "1", .model = "n", .seed = 1, .text = "t"},
                               Origin{.version = "1", .model = "m", .seed = 2, .text = "t"},
                               Origin{.version = "1", .model = "m", .seed = 1, .text = "u"}}) {
    EXPECT_TRUE(wav.insert(OriginWavChunks(origin)).second) << OriginWavChunks(origin);
    EXPECT_TRUE(id3.insert(OriginId3Tag(origin)).second) << OriginWavChunks(origin);
    EXPECT_TRUE(xmp.insert(OriginXmp(origin, MarkedFile::kVideo)).second);
  }
}

TEST(OriginMarkTest, ModelNamesAreMadeText) {
  const std::string comment = OriginComment(
      {.version = "", .model = "a\nb\xff\u00e4", .seed = 0, .text = ""}, MarkedFile::kAudio);
  EXPECT_THAT(comment, HasSubstr("by vidmuse with the trained model a?b?\u00e4, seed 0"));
  const std::string name = std::string(127, 'x') + "\u00e4";
  EXPECT_THAT(OriginXmp({.version = "", .model = name, .seed = 0, .text = ""}, MarkedFile::kAudio),
              HasSubstr(">" + std::string(127, 'x') + "<"));
}

TEST(OriginMarkTest, AVideoIsOnlyPartlyMadeByAModel) {
  const Origin origin = {.version = "1", .model = "m", .seed = 1, .text = ""};
  const std::string xmp = OriginXmp(origin, MarkedFile::kVideo);
  EXPECT_THAT(xmp, HasSubstr(kCompositeWithTrainedAlgorithmicMedia));
  EXPECT_THAT(xmp, Not(HasSubstr(kTrainedAlgorithmicMedia)));
  EXPECT_THAT(xmp, HasSubstr("The music of this video is AI-generated"));
}

}  // namespace
}  // namespace vidmuse
