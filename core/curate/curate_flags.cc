#include "core/curate/curate_flags.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/base/flag_type.h"
#include "core/base/status_macros.h"
#include "core/curate/stage.h"

namespace vidmuse::curate {
namespace {

constexpr double kMostSeconds = 24 * 3600;
constexpr int64_t kMostClips = 1'000'000'000;
constexpr int kMostShards = 1'000'000;
constexpr int kMostWorkers = 1024;

FlagType<Shard> ShardType() {
  return {"I/N, I from 0 to N - 1",
          [](absl::string_view text) -> absl::StatusOr<Shard> {
            const std::pair<absl::string_view, absl::string_view> parts =
                absl::StrSplit(text, absl::MaxSplits('/', 1));
            Shard shard;
            if (absl::SimpleAtoi(parts.first, &shard.index) &&
                absl::SimpleAtoi(parts.second, &shard.count) && shard.index >= 0 &&
                shard.index < shard.count && shard.count <= kMostShards) {
              return shard;
            }
            return absl::InvalidArgumentError(absl::StrCat("'", text, "' is no I/N with I < N"));
          },
          [](const Shard& shard) { return absl::StrCat(shard.index, "/", shard.count); }};
}

// ListType, but the empty text is the empty list.
FlagType<std::vector<std::string>> MaybeEmptyListType() {
  FlagType<std::vector<std::string>> type = ListType();
  type.parse = [parse = type.parse](absl::string_view text) {
    if (text.empty()) return absl::StatusOr<std::vector<std::string>>(std::vector<std::string>());
    return parse(text);
  };
  return type;
}

std::vector<Flag<Rules>> RuleFlags() {
  const auto share = [] { return NumberType<double>(0, 1); };
  const auto seconds = [] { return NumberType<double>(0, kMostSeconds); };
  return {
      {"least_seconds", &Rules::least_seconds, seconds(), "shorter clips are dropped"},
      {"most_seconds", &Rules::most_seconds, seconds(), "longer clips are dropped"},
      {"dropped_categories", &Rules::dropped_categories, MaybeEmptyListType(),
       "values of the manifest's field `category` that are dropped"},
      {"most_similarity", &Rules::most_similarity, NumberType<double>(-1, 1),
       "mean structural similarity of pictures a second apart; 1 is a still"},
      {"most_black_share", &Rules::most_black_share, share(), "of the pictures"},
      {"most_freeze_share", &Rules::most_freeze_share, share(), "of the pictures"},
      {"least_music_share", &Rules::least_music_share, share(), "of the sound's time"},
      {"most_speech_share", &Rules::most_speech_share, share(), "of the sound's time"},
      {"most_singing_share", &Rules::most_singing_share, share(), "of the sound's time"},
      {"most_speech_left", &Rules::most_speech_left, share(), "after vocals are removed"},
      {"most_singing_left", &Rules::most_singing_left, share(), "after vocals are removed"},
      {"most_silent_share", &Rules::most_silent_share, share(), "after vocals are removed"},
      {"drop_duplicates", &Rules::drop_duplicates, BoolType(),
       "drop all but the first of clips that sound the same"},
      {"finetune_clips", &Rules::finetune_clips, NumberType<int64_t>(0, kMostClips),
       "the best by picture and sound go to finetune.jsonl"},
  };
}

std::vector<Flag<CurateFlags>> RunFlags() {
  using F = CurateFlags;
  return {
      {"manifest", &F::manifest, TextType(),
       "the raw videos, in JSON Lines (core/curate/curation.md)"},
      {"out", &F::out, TextType(), "folder of measurements and results"},
      {"stages", &F::stages, ListType(), "what to run, of the default's names"},
      {"preset", &F::preset, ChoiceType({"paper", "strict"}), "thresholds of all rules"},
      {"extractors", &F::extractors, TextType(),
       "folder with the networks' published files, for music, separate and align"},
      {"workers", &F::workers, NumberType<int>(1, kMostWorkers), "clips at a time"},
      {"shard", &F::shard, ShardType(), "measure only this part of the clips"},
      {"decisions", &F::decisions, MaybeEmptyListType(),
       "reviewers' files, which choose the benchmark"},
  };
}

absl::Status CheckStages(const std::vector<std::string>& stages) {
  const std::vector<std::string> known = AllStages();
  for (const std::string& stage : stages) {
    if (std::find(known.begin(), known.end(), stage) != known.end()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("--stages: no stage ", stage, ", only ", absl::StrJoin(known, ", ")));
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<std::string> AllStages() {
  std::vector<std::string> names;
  for (const absl::string_view name : kStageOrder) names.emplace_back(name);
  names.emplace_back("split");
  return names;
}

const FlagTable<CurateFlags>& CurateFlagTable() {
  static const auto* const table =
      new FlagTable<CurateFlags>(Concat({RunFlags(), Within(&CurateFlags::rules, RuleFlags())}));
  return *table;
}

absl::StatusOr<std::optional<CurateFlags>> ParseCurateFlags(const std::vector<std::string>& args) {
  const FlagTable<CurateFlags>& table = CurateFlagTable();
  ASSIGN_OR_RETURN(const CommandLine line, table.Split(args));
  if (line.help) return std::nullopt;
  if (!line.rest.empty()) return NotAFlagError(line.rest[0]);
  CurateFlags flags;
  for (const FlagSetting& setting : line.settings) {
    if (setting.name != "preset") continue;
    RETURN_IF_ERROR(table.Set(setting, &flags));
    ASSIGN_OR_RETURN(flags.rules, Rules::Preset(flags.preset));
  }
  for (const FlagSetting& setting : line.settings) {
    if (setting.name != "preset") RETURN_IF_ERROR(table.Set(setting, &flags));
  }
  if (flags.out.empty()) return absl::InvalidArgumentError("--out is needed");
  RETURN_IF_ERROR(CheckStages(flags.stages));
  return flags;
}

}  // namespace vidmuse::curate
