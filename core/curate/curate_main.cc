// vidmuse_curate: makes a training set of raw videos.
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/catch_exceptions.h"
#include "core/base/interrupt.h"
#include "core/base/status_macros.h"
#include "core/base/version.h"
#include "core/curate/curate_flags.h"
#include "core/curate/measurement_store.h"
#include "core/curate/open_stages.h"
#include "core/curate/report.h"
#include "core/curate/results.h"
#include "core/curate/review.h"
#include "core/curate/reviews.h"
#include "core/curate/run_stages.h"
#include "core/evaluate/progress.h"
#include "core/extractors/read_pictures.h"
#include "core/extractors/read_sound.h"

namespace vidmuse::curate {
namespace {

bool Has(const CurateFlags& flags, const std::string& stage) {
  return std::find(flags.stages.begin(), flags.stages.end(), stage) != flags.stages.end();
}

// Tells what the run did, and fails if a clip couldn't be measured for a reason of this machine.
absl::Status Tell(const RunReport& report) {
  int64_t failed = 0;
  for (const auto& [stage, work] : report.stages) {
    const double seconds = absl::ToDoubleSeconds(work.busy);
    std::fprintf(
        stderr, "%s\n",
        absl::StrFormat(
            "%-10s %7d measured, %7d known, %7d failed; %.1f s, %.0f clips an hour of one worker",
            stage, work.measured, work.reused, work.failed, seconds,
            seconds > 0 ? 3600 * static_cast<double>(work.measured) / seconds : 0)
            .c_str());
    failed += work.failed;
  }
  if (failed == 0) return absl::OkStatus();
  const auto& [stage, status] = *report.failures.begin();
  return absl::UnavailableError(
      absl::StrCat(failed, " clips couldn't be measured; run again. The first in ", stage, ": ",
                   status.ToString()));
}

// What is known of all clips of the manifest.
struct Known {
  std::vector<CuratedClip> clips;
  Reviews reviews;
};

absl::StatusOr<Known> CollectKnown(const CurateFlags& flags, const std::vector<RawClip>& clips,
                                   const OpenedStages& opened, const MeasurementStore& store) {
  std::vector<StageKey> keys;
  keys.reserve(opened.stages.size());
  for (const std::unique_ptr<Stage>& stage : opened.stages) {
    keys.push_back({stage->name(), stage->settings()});
  }
  Known known;
  ASSIGN_OR_RETURN(known.reviews, ReadReviews(flags.decisions));
  known.clips = Collect(clips, flags.rules, store, keys);
  return known;
}

absl::Status WritePage(const CurateFlags& flags, const std::string& name, const std::string& page) {
  return WriteWhole(absl::StrCat(flags.out, "/", name), page);
}

absl::Status Split(const CurateFlags& flags, const Known& known) {
  const curate::Split split = SplitClips(known.clips, flags.rules, known.reviews);
  RETURN_IF_ERROR(WriteResults(known.clips, split, flags.out));
  RETURN_IF_ERROR(
      WritePage(flags, "report.html", CurationReport(known.clips, split, known.reviews)));
  for (const Drops& drop : CountDrops(known.clips)) {
    std::printf("%7d dropped by %s: %s\n", static_cast<int>(drop.clips), drop.stage.c_str(),
                drop.rule.c_str());
  }
  std::printf("%7zu for pretraining, %zu of them for finetuning, %zu for the benchmark, of %zu\n",
              split.pretrain.size(), split.finetune.size(), split.benchmark.size(),
              known.clips.size());
  return absl::OkStatus();
}

absl::Status Run(const CurateFlags& flags) {
  if (flags.manifest.empty()) return absl::InvalidArgumentError("--manifest is needed");
  at::set_num_threads(1);  // clips are what runs side by side
  ASSIGN_OR_RETURN(const std::vector<RawClip> all, ReadRawManifest(flags.manifest));
  const std::vector<RawClip> clips = ClipsOfShard(all, flags.shard.index, flags.shard.count);
  const MeasurementStore store(absl::StrCat(flags.out, "/stages"));
  ASSIGN_OR_RETURN(const OpenedStages opened,
                   OpenStages(flags.stages, flags.extractors, ReadSound, ReadPictures, &store));
  const Interrupt interrupt("vidmuse_curate");
  evaluate::Progress progress("clips", clips.size(), true);
  ASSIGN_OR_RETURN(const RunReport report, RunStages(clips, opened.stages, flags.rules, store,
                                                     {.workers = flags.workers,
                                                      .on_clip = [&](int64_t) { progress.Add(); }},
                                                     interrupt.cancel()));
  // One shard alone has no lists.
  if (Has(flags, "split") && flags.shard.count == 1) {
    ASSIGN_OR_RETURN(const Known known, CollectKnown(flags, all, opened, store));
    RETURN_IF_ERROR(Split(flags, known));
  }
  return Tell(report);
}

// Writes the page for reviewers, of what is measured so far.
absl::Status Review(const CurateFlags& flags) {
  if (flags.manifest.empty()) return absl::InvalidArgumentError("--manifest is needed");
  ASSIGN_OR_RETURN(const std::vector<RawClip> clips, ReadRawManifest(flags.manifest));
  const MeasurementStore store(absl::StrCat(flags.out, "/stages"));
  ASSIGN_OR_RETURN(const OpenedStages opened,
                   OpenStages(flags.stages, flags.extractors, ReadSound, ReadPictures, &store));
  ASSIGN_OR_RETURN(const Known known, CollectKnown(flags, clips, opened, store));
  RETURN_IF_ERROR(WritePage(flags, "review.html", ReviewPage(known.clips, flags.out)));
  std::printf("%s/review.html\n%s\n", flags.out.c_str(), AgreementText(known.reviews).c_str());
  return absl::OkStatus();
}

constexpr char kUsage[] =
    "Makes a training set of raw videos (core/curate/curation.md):\n\n"
    "  vidmuse_curate --manifest raw.jsonl --out DIR --extractors DIR\n"
    "  vidmuse_curate review ...    the same flags: writes DIR/review.html for reviewers, and "
    "says\n"
    "                               how far those agree whose --decisions are given\n\n"
    "It may be stopped at any time, and goes on where it was when it is started again.\n\n";

int Main(int argc, char** argv) {
  std::vector<std::string> args(argv + 1, argv + argc);
  const bool review = !args.empty() && args[0] == "review";
  if (review) args.erase(args.begin());
  const absl::StatusOr<std::optional<CurateFlags>> flags = ParseCurateFlags(args);
  if (flags.ok() && !flags->has_value()) {
    std::printf("%s%s", kUsage, CurateFlagTable().Help().c_str());
    return 0;
  }
  const absl::Status status =
      flags.ok()
          ? CatchExceptions("curation", [&] { return review ? Review(**flags) : Run(**flags); })
          : flags.status();
  if (status.ok()) return 0;
  std::fprintf(stderr, "vidmuse_curate: %s\n", std::string(status.message()).c_str());
  return absl::IsCancelled(status) ? kInterruptedExitCode : 1;
}

}  // namespace
}  // namespace vidmuse::curate

int main(int argc, char** argv) {
  if (vidmuse::PrintVersionIfAsked(argc, argv)) return 0;
  return vidmuse::curate::Main(argc, argv);
}
