// Checks of every flag in a program's table.
#ifndef VIDMUSE_TESTS_SUPPORT_FLAG_WALK_H_
#define VIDMUSE_TESTS_SUPPORT_FLAG_WALK_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/flag_table.h"

namespace vidmuse {

// Matches what --help says of a number's range.
inline bool HasRange(const std::string& type, std::smatch* range) {
  return std::regex_match(type, *range, std::regex("\\w+ in \\[(\\S+), (\\S+)\\]"));
}

// Two values that a flag takes.
template <typename Options>
std::pair<std::string, std::string> ValuesOf(const Flag<Options>& flag) {
  std::smatch match;
  if (flag.is_switch) return {"true", "false"};
  if (HasRange(flag.type, &match)) return {match[1], match[2]};
  if (std::regex_match(flag.type, match, std::regex("one of (\\w+), .*?(\\w+)"))) {
    return {match[1], match[2]};
  }
  if (flag.type == "number" || flag.type == "seconds above 0") return {"0.5", "90"};
  if (flag.type == "integer") return {"7", "8"};
  return {"h:1", "h:2"};  // also a text, a file and a list
}

// Sets each flag in each of its spellings to a value other than its default, and expects to get
// it back, and all other flags to be as they were. Expects the flag in `help`, with its default.
template <typename Options>
void CheckEachFlag(const FlagTable<Options>& table, const std::string& help) {
  const Options defaults{};
  for (const Flag<Options>& flag : table.flags()) {
    const std::string before = flag.get(defaults);
    const auto [first, second] = ValuesOf(flag);
    const std::string value = first == before ? second : first;
    ASSERT_NE(value, before) << flag.name;
    std::vector<std::vector<std::string>> spellings = {{absl::StrCat("--", flag.name, "=", value)}};
    if (!flag.is_switch) spellings.push_back({absl::StrCat("--", flag.name), value});
    if (flag.is_switch && value == "true") spellings.push_back({absl::StrCat("--", flag.name)});
    for (const std::vector<std::string>& args : spellings) {
      Options options;
      const absl::StatusOr<CommandLine> line = table.Parse(args, &options);
      ASSERT_TRUE(line.ok()) << line.status();
      EXPECT_TRUE(line->rest.empty()) << flag.name;
      for (const Flag<Options>& other : table.flags()) {
        EXPECT_EQ(other.get(options), other.name == flag.name ? value : other.get(defaults))
            << flag.name << " and " << other.name;
      }
    }
    const std::string type = flag.is_switch ? "no value" : flag.type;
    const std::string shown =
        flag.is_switch || before.empty() ? "" : absl::StrCat("; default ", before);
    EXPECT_THAT(help, testing::HasSubstr(absl::StrCat("\n  --", flag.name, "  (", type, shown,
                                                      ")\n      ", flag.help, "\n")));
    EXPECT_FALSE(flag.help.empty()) << flag.name;
  }
}

// Expects that each number just outside its range is refused, and returns how many have a range.
template <typename Options>
int CheckEachRange(const FlagTable<Options>& table) {
  int ranges = 0;
  for (const Flag<Options>& flag : table.flags()) {
    std::smatch range;
    if (!HasRange(flag.type, &range)) continue;
    ++ranges;
    const std::string low = absl::StrCat(std::stod(range[1]) - 1);
    const std::string high = std::string(range[2]) + "1";
    for (const std::string& value : {low, high, std::string("nan")}) {
      Options options;
      const absl::Status status =
          table.Parse({absl::StrCat("--", flag.name, "=", value)}, &options).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << flag.name << " " << value;
      EXPECT_THAT(std::string(status.message()),
                  testing::HasSubstr(absl::StrCat("--", flag.name, ": ")));
      EXPECT_EQ(flag.get(options), flag.get(Options{})) << flag.name << " " << value;
    }
  }
  return ranges;
}

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_FLAG_WALK_H_
