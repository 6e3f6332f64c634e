// Measures how long the measures of music take, on one thread, and prints one JSON object of
// processor seconds. measures_originals.py measures the published programs on the same features and
// sounds.
#include <ctime>
#include <iostream>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "core/base/flag_table.h"
#include "core/base/flag_type.h"
#include "core/base/status_macros.h"
#include "core/base/version.h"
#include "core/evaluate/bootstrap.h"
#include "core/evaluate/feature_rows.h"
#include "core/evaluate/frechet.h"
#include "core/evaluate/kernel_distance.h"
#include "core/evaluate/manifold.h"
#include "core/evaluate/music_key.h"
#include "core/evaluate/rhythm.h"
#include "nlohmann/json.hpp"
#include "tests/support/hash_features.h"
#include "tests/support/hash_music.h"

namespace vidmuse::evaluate {
namespace {

// What each field means stands in the table of flags.
struct MeasuresFlags {
  int clips = 300;
  int windows = 1;
  int columns = 2048;
  int resamples = 1000;
  int seconds = 30;
};

FlagTable<MeasuresFlags> Flags() {
  using F = MeasuresFlags;
  return FlagTable<F>({
      {"clips", &F::clips, NumberType<int>(6, 10000), "clips of each of the two sets"},
      {"windows", &F::windows, NumberType<int>(1, 1000), "rows of features of each clip"},
      {"columns", &F::columns, NumberType<int>(1, 10000), "numbers of each row"},
      {"resamples", &F::resamples, NumberType<int>(20, 100000), "of each interval"},
      {"seconds", &F::seconds, NumberType<int>(1, 600), "of the sound whose beats are found"},
  });
}

class Stopwatch {
 public:
  // Runs `work` and adds its time to the report.
  absl::Status Time(const std::string& name, absl::FunctionRef<absl::Status()> work) {
    const std::clock_t begin = std::clock();
    const absl::Status status = work();
    report_["processor_seconds"][name] = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    return status;
  }
  nlohmann::json& report() { return report_; }

 private:
  nlohmann::json report_;
};

std::vector<FeatureMatrix> MakeClips(const std::string& name, const MeasuresFlags& flags,
                                     double scale, double shift) {
  const FeatureMatrix all =
      HashFeatures(name, int64_t{flags.clips} * flags.windows, flags.columns, scale, shift);
  std::vector<FeatureMatrix> clips;
  for (int clip = 0; clip < flags.clips; ++clip) {
    std::vector<int64_t> rows;
    for (int i = 0; i < flags.windows; ++i) rows.push_back(int64_t{clip} * flags.windows + i);
    clips.push_back(SelectRows(all, rows));
  }
  return clips;
}

template <typename Resampled>
absl::Status TimeIntervals(const std::string& name, const std::vector<FeatureMatrix>& reference,
                           const std::vector<FeatureMatrix>& generated, const MeasuresFlags& flags,
                           Stopwatch& stopwatch) {
  return stopwatch.Time(name, [&] {
    const auto resampled = Resampled::Create(reference, generated);
    RETURN_IF_ERROR(resampled.status());
    return BootstrapStatistic(
               flags.clips,
               [&](absl::Span<const int> counts) { return (*resampled)->Distance(counts, counts); },
               {.resamples = flags.resamples})
        .status();
  });
}

absl::Status Measure(const MeasuresFlags& flags) {
  const std::vector<FeatureMatrix> clips1 = MakeClips("bench:reference", flags, 1, 0);
  const std::vector<FeatureMatrix> clips2 = MakeClips("bench:generated", flags, 1.1, 0.1);
  ASSIGN_OR_RETURN(const FeatureMatrix reference, PoolRows(clips1));
  ASSIGN_OR_RETURN(const FeatureMatrix generated, PoolRows(clips2));
  const std::vector<float> tune =
      MakeTune({.name = "bench", .seconds = static_cast<double>(flags.seconds), .tempo = 110});
  Stopwatch stopwatch;
  RETURN_IF_ERROR(stopwatch.Time("frechet", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(stopwatch.report()["frechet"], FrechetDistance(reference, generated));
    return absl::OkStatus();
  }));
  RETURN_IF_ERROR(stopwatch.Time("kernel_distance", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const KernelDistance distance, MeasureKernelDistance(reference, generated));
    stopwatch.report()["kernel_distance"] = distance.value;
    return absl::OkStatus();
  }));
  RETURN_IF_ERROR(stopwatch.Time("manifolds", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const ManifoldMeasures manifolds, MeasureManifolds(reference, generated));
    stopwatch.report()["density"] = manifolds.density;
    return absl::OkStatus();
  }));
  RETURN_IF_ERROR(
      TimeIntervals<ResampledFrechet>("frechet_interval", clips1, clips2, flags, stopwatch));
  RETURN_IF_ERROR(TimeIntervals<ResampledKernelDistance>("kernel_distance_interval", clips1, clips2,
                                                         flags, stopwatch));
  RETURN_IF_ERROR(
      stopwatch.Time("onsets", [&] { return DetectOnsets(tune, kLibrosaPeaks).status(); }));
  RETURN_IF_ERROR(stopwatch.Time("beats", [&] { return DetectBeats(tune).status(); }));
  RETURN_IF_ERROR(stopwatch.Time("chroma", [&] { return MeanChroma(tune).status(); }));
  std::cout << stopwatch.report().dump(1) << "\n";
  return absl::OkStatus();
}

int Main(const std::vector<std::string>& args) {
  const FlagTable<MeasuresFlags> table = Flags();
  MeasuresFlags flags;
  const absl::StatusOr<CommandLine> line = table.Parse(args, &flags);
  if (line.ok() && line->help) {
    std::cout << "How long the measures of music take; prints JSON.\n\n" << table.Help();
    return 0;
  }
  absl::Status status = line.status();
  if (status.ok() && !line->rest.empty()) status = NotAFlagError(line->rest[0]);
  if (status.ok()) status = Measure(flags);
  if (status.ok()) return 0;
  std::cerr << "vidmuse_measures_bench: " << status.message() << "\n";
  return 1;
}

}  // namespace
}  // namespace vidmuse::evaluate

int main(int argc, char** argv) {
  if (vidmuse::PrintVersionIfAsked(argc, argv)) return 0;
  return vidmuse::evaluate::Main(std::vector<std::string>(argv + 1, argv + argc));
}
