// The flags of vidmuse_curate.
#ifndef VIDMUSE_CURATE_CURATE_FLAGS_H_
#define VIDMUSE_CURATE_CURATE_FLAGS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/flag_table.h"
#include "core/curate/rules.h"

namespace vidmuse::curate {

// Part `index` of `count`, from 0 on.
struct Shard {
  int index = 0;
  int count = 1;
};

// The names that --stages takes: kStageOrder, and then "split".
std::vector<std::string> AllStages();

struct CurateFlags {
  std::string manifest;
  std::string out;
  std::vector<std::string> stages = AllStages();
  std::string preset = "paper";
  Rules rules;
  std::string extractors;  // empty: stages that need networks can't run
  int workers = 1;
  Shard shard;
  std::vector<std::string> decisions;  // files of reviewers; empty: nobody has reviewed
};

const FlagTable<CurateFlags>& CurateFlagTable();

// Parses a command line. A preset sets all rules, and the flags of single rules change it, in
// whatever order they stand. Nullopt: help is asked for. INVALID_ARGUMENT says what is wrong.
absl::StatusOr<std::optional<CurateFlags>> ParseCurateFlags(const std::vector<std::string>& args);

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_CURATE_FLAGS_H_
