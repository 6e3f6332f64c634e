#include "core/base/flag_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/flag_type.h"
#include "tests/support/flag_walk.h"

namespace vidmuse {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Engine {
  int threads = 4;
  uint32_t slots = 0;
};

struct Options {
  Engine engine;
  int64_t offset = -5;
  uint64_t bytes = uint64_t{1} << 40;
  float scale = 0.25f;
  double seconds = 1.5;
  bool quiet = false;
  bool colour = true;
  std::string name = "x";
  std::string mode;
  std::string address = "h:9";
  std::vector<std::string> servers = {"a", "b"};
  std::optional<float> guidance;
};

FlagTable<Options> Table() {
  const std::vector<Flag<Engine>> engine = {
      {"threads", &Engine::threads, NumberType<int>(0, 64), "of a step"},
      {"slots", &Engine::slots, NumberType<uint32_t>(), "windows"},
  };
  return FlagTable<Options>(Concat<Options>(
      {Within(&Options::engine, engine),
       {
           {"offset", &Options::offset, NumberType<int64_t>(-10, 10), "of the first"},
           {"bytes", &Options::bytes, NumberType<uint64_t>(0, uint64_t{1} << 41), "in all"},
           {"scale", &Options::scale, NumberType<float>(0, 1), "of sizes"},
           {"seconds", &Options::seconds, NumberType<double>(), "to wait"},
           {"quiet", &Options::quiet, BoolType(), "say nothing"},
           {"colour", &Options::colour, BoolType(), "in colours"},
           {"name", &Options::name, NonEmptyTextType(), "of the run"},
           {"mode", &Options::mode, ChoiceType({"fast", "exact"}), "of the arithmetic"},
           {"address", &Options::address, AddressType(true), "to listen on"},
           {"servers", &Options::servers, ListType(), "to call"},
           {"guidance", &Options::guidance, OptionalType(NumberType<float>()), "of sampling"},
       }}));
}

std::string ErrorOf(const std::vector<std::string>& args) {
  Options options;
  const absl::Status status = Table().Parse(args, &options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << args.back();
  return std::string(status.message());
}

TEST(FlagTableTest, EachTypeOfFlagIsSetGotAndShown) {
  CheckEachFlag(Table(), absl::StrCat("\n", Table().Help()));
  EXPECT_EQ(CheckEachRange(Table()), 4);
}

TEST(FlagTableTest, LaterValuesReplaceEarlierOnes) {
  Options options;
  ASSERT_TRUE(
      Table().Parse({"--threads=1", "--threads", "2", "--quiet", "--quiet=false"}, &options).ok());
  EXPECT_EQ(options.engine.threads, 2);
  EXPECT_FALSE(options.quiet);
}

TEST(FlagTableTest, AValueMayLookLikeAFlagAndHoldAnEqualsSign) {
  Options options;
  ASSERT_TRUE(Table().Parse({"--name", "--x", "--mode=", "--offset", "-7"}, &options).ok());
  EXPECT_EQ(options.name, "--x");
  EXPECT_EQ(options.offset, -7);
  ASSERT_TRUE(Table().Parse({"--name=a=b"}, &options).ok());
  EXPECT_EQ(options.name, "a=b");
}

TEST(FlagTableTest, ArgumentsThatAreNoFlagsAreHandedBack) {
  Options options;
  const auto line = Table().Parse({"run", "--quiet", "fast"}, &options);
  ASSERT_TRUE(line.ok());
  EXPECT_THAT(line->rest, ElementsAre("run", "fast"));  // a switch takes no value behind it
  EXPECT_TRUE(options.quiet);
}

TEST(FlagTableTest, HelpEndsTheParsingAndSetsNothing) {
  for (const char* help : {"--help", "-h"}) {
    Options options;
    const auto line = Table().Parse({"--threads=7", help, "--no_such"}, &options);
    ASSERT_TRUE(line.ok()) << line.status();
    EXPECT_TRUE(line->help);
    EXPECT_EQ(options.engine.threads, 4);
  }
}

TEST(FlagTableTest, ErrorsNameTheFlagAndTheValue) {
  EXPECT_EQ(ErrorOf({"--sed", "1"}), "--sed: no such flag, see --help");
  EXPECT_EQ(ErrorOf({"--sed"}), "--sed: no such flag, see --help");
  EXPECT_EQ(ErrorOf({"--name"}), "--name: no value, see --help");
  EXPECT_EQ(ErrorOf({"-name=x"}), "\"-name=x\" is not a flag, see --help");
  EXPECT_EQ(ErrorOf({"--"}), "\"--\" is not a flag, see --help");
  EXPECT_EQ(ErrorOf({"--quiet=yes"}), "--quiet: \"yes\" is neither true nor false");
  EXPECT_EQ(ErrorOf({"--threads=two"}), "--threads: \"two\" is not a number of type integer");
  EXPECT_EQ(ErrorOf({"--threads=65"}), "--threads: 65 is out of range, allowed is [0, 64]");
  EXPECT_EQ(ErrorOf({"--slots=-1"}), "--slots: \"-1\" is not a number of type integer");
  EXPECT_EQ(ErrorOf({"--seconds=soon"}), "--seconds: \"soon\" is not a number");
  EXPECT_EQ(ErrorOf({"--seconds=inf"}), "--seconds: \"inf\" is not finite");
  EXPECT_EQ(ErrorOf({"--guidance=nan"}), "--guidance: \"nan\" is not finite");
  EXPECT_EQ(ErrorOf({"--name="}), "--name: \"\" is empty");
  EXPECT_EQ(ErrorOf({"--mode=slow"}), "--mode: \"slow\" is none of fast, exact");
  EXPECT_EQ(ErrorOf({"--address=h"}), "--address: \"h\" is not host:port");
  EXPECT_THAT(ErrorOf({"--servers=a,,b"}), HasSubstr("is not a list joined by commas"));
}

}  // namespace
}  // namespace vidmuse
