#include "core/evaluate/evaluate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/base/cpus.h"
#include "core/base/status_macros.h"
#include "core/evaluate/clip_folders.h"
#include "core/evaluate/collect.h"
#include "core/evaluate/feature_cache.h"
#include "core/evaluate/measure_set.h"
#include "core/evaluate/progress.h"

namespace vidmuse::evaluate {
namespace {

constexpr double kSameLength = 1;  // seconds that the lengths of a pair may differ

absl::Status CheckNumber(const Plan& plan, const ClipFolders& clips) {
  constexpr size_t kLeast = 2;
  if (clips.names.size() >= kLeast &&
      (clips.reference.empty() || clips.reference.size() >= kLeast)) {
    return absl::OkStatus();
  }
  std::vector<absl::string_view> names;
  for (const Metric metric : plan.metrics) {
    const MetricInfo& info = InfoOf(metric);
    if (info.reference && !info.paired) names.push_back(info.name);
  }
  if (names.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      clips.names.size(), " generated and ", clips.reference.size(), " reference clips: ",
      absl::StrJoin(names, ", "), " compare sets of at least 2; --metrics asks for others"));
}

absl::StatusOr<Tools> OpenTools(const Plan& plan, const EvaluateFlags& flags,
                                const Sources& sources) {
  Tools tools;
  tools.read_sound = [read = sources.read_sound, most = flags.max_seconds](
                         const std::string& path) { return read(path, most); };
  tools.rhythm = sources.rhythm;
  tools.cuts = sources.cuts;
  tools.wants_rhythm = plan.rhythm;
  tools.wants_cuts = plan.cuts;
  for (const SoundNetwork network : plan.sounds) {
    ASSIGN_OR_RETURN(tools.sounds[network], sources.open_sounds(network, flags.extractors));
  }
  for (const PictureNetwork network : plan.pictures) {
    ASSIGN_OR_RETURN(tools.pictures[network], sources.open_pictures(network, flags.extractors));
  }
  return tools;
}

// The features of all music files of a run. A file that is in several sets is measured once.
absl::StatusOr<std::map<std::string, SoundFeatures>> CollectAll(const ClipFolders& clips,
                                                                const Tools& tools,
                                                                const FeatureCache& cache,
                                                                const CollectOptions& options,
                                                                const CancelFlag& cancel) {
  std::set<std::string> unique(clips.reference.begin(), clips.reference.end());
  for (const std::vector<std::string>& paths : clips.generated) {
    unique.insert(paths.begin(), paths.end());
  }
  const std::vector<std::string> paths(unique.begin(), unique.end());
  ASSIGN_OR_RETURN(std::vector<SoundFeatures> all,
                   CollectSounds(paths, tools, cache, options, cancel));
  std::map<std::string, SoundFeatures> by_path;
  for (SoundFeatures& features : all) {
    const std::string path = features.path;
    by_path[path] = std::move(features);
  }
  return by_path;
}

void Warn(const ClipFolders& clips, const std::vector<SetReport>& sets,
          std::vector<std::string>* warnings) {
  std::set<std::string> silent;
  for (const SetReport& set : sets) {
    const Evidence& evidence = set.evidence;
    for (size_t i = 0; i < evidence.generated.size(); ++i) {
      const SoundFeatures& clip = evidence.generated[i];
      if (IsSilent(clip.facts)) silent.insert(clip.path);
      if (!evidence.paired) continue;
      const double other = evidence.reference[i].facts.seconds;
      if (std::fabs(clip.facts.seconds - other) <= kSameLength) continue;
      warnings->push_back(absl::StrFormat("%s has %.1f s, its reference %.1f s", clip.path,
                                          clip.facts.seconds, other));
    }
    for (const SoundFeatures& clip : evidence.reference) {
      if (IsSilent(clip.facts)) silent.insert(clip.path);
    }
  }
  for (const std::string& path : silent) {
    warnings->push_back(absl::StrCat(path, " is silent; it counts as any other clip"));
  }
  if (!clips.skipped.empty()) {
    warnings->push_back(absl::StrCat("left out, because not every folder has them: ",
                                     absl::StrJoin(clips.skipped, ", ")));
  }
}

// Ends a bootstrap when the run is interrupted.
Statistic Interruptible(Statistic statistic, const CancelFlag& cancel) {
  return [statistic = std::move(statistic),
          &cancel](const Resample& resample) -> absl::StatusOr<double> {
    if (cancel.cancelled()) return absl::CancelledError("interrupted");
    return statistic(resample);
  };
}

// The differences of the measures that both sets have.
absl::Status Compare(const BootstrapOptions& options, const CancelFlag& cancel, Progress* progress,
                     Report* report) {
  const SetReport& a = report->sets[0];
  const SetReport& b = report->sets[1];
  for (const Measurement& first : a.measurements) {
    const auto second =
        std::find_if(b.measurements.begin(), b.measurements.end(),
                     [&](const Measurement& other) { return other.metric == first.metric; });
    if (second == b.measurements.end()) continue;
    Difference difference;
    difference.metric = first.metric;
    difference.value = second->value - first.value;
    const Statistic statistic = [&first,
                                 second](const Resample& resample) -> absl::StatusOr<double> {
      ASSIGN_OR_RETURN(const double before, first.statistic(resample));
      ASSIGN_OR_RETURN(const double after, second->statistic(resample));
      return after - before;
    };
    ASSIGN_OR_RETURN(difference.ci95,
                     IntervalOf(Interruptible(statistic, cancel), difference.value,
                                first.biased_resamples, a.evidence, Limited(options, first)));
    report->differences.push_back(difference);
    progress->Add();
  }
  return absl::OkStatus();
}

absl::Status FillIntervals(const BootstrapOptions& options, const CancelFlag& cancel,
                           bool show_progress, Report* report) {
  size_t count = report->sets.size() == 2 ? report->sets[0].measurements.size() : 0;
  for (const SetReport& set : report->sets) count += set.measurements.size();
  Progress progress("intervals", count, show_progress);
  for (SetReport& set : report->sets) {
    for (Measurement& measurement : set.measurements) {
      ASSIGN_OR_RETURN(measurement.ci95, IntervalOf(Interruptible(measurement.statistic, cancel),
                                                    measurement.value, measurement.biased_resamples,
                                                    set.evidence, Limited(options, measurement)));
      progress.Add();
    }
  }
  if (report->sets.size() == 2) return Compare(options, cancel, &progress, report);
  return absl::OkStatus();
}

// Measures all sets. What can't be computed for one of them is left out.
absl::Status Measure(const Plan& plan, const Tools& tools, const EvaluateFlags& flags,
                     Report* report) {
  for (SetReport& set : report->sets) {
    ASSIGN_OR_RETURN(SetMeasurements measured,
                     MeasureSet(plan, set.evidence, tools, flags.seed, !flags.metrics.empty()));
    set.measurements = std::move(measured.measurements);
    for (LeftOut& left : measured.left_out) {
      const bool is_new =
          std::none_of(report->left_out.begin(), report->left_out.end(),
                       [&](const LeftOut& other) { return other.name == left.name; });
      if (is_new) report->left_out.push_back(std::move(left));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Report> Evaluate(const std::vector<std::string>& folders, const EvaluateFlags& flags,
                                const Sources& sources, const CancelFlag& cancel, bool progress) {
  ASSIGN_OR_RETURN(const ClipFolders clips, FindClips(folders, flags));
  const Inputs inputs{.reference = !clips.reference.empty(),
                      .reference_is_paired = clips.paired,
                      .videos = !clips.videos.empty(),
                      .extractors = flags.extractors,
                      .embedding = flags.embedding};
  ASSIGN_OR_RETURN(const Plan plan, MakePlan(flags.metrics, inputs));
  RETURN_IF_ERROR(CheckNumber(plan, clips));
  ASSIGN_OR_RETURN(const std::unique_ptr<FeatureCache> cache, FeatureCache::Open(flags.cache));
  ASSIGN_OR_RETURN(const Tools tools, OpenTools(plan, flags, sources));
  const CollectOptions options{.workers = flags.workers > 0 ? flags.workers : UsableCpus(),
                               .progress = progress};
  ASSIGN_OR_RETURN(const auto sounds, CollectAll(clips, tools, *cache, options, cancel));
  std::vector<VideoFeatures> videos;
  if (!plan.pictures.empty() || plan.cuts) {
    ASSIGN_OR_RETURN(videos, CollectVideos(clips.videos, tools, *cache, options, cancel));
  }
  Report report;
  report.version = VIDMUSE_VERSION;
  report.reference = flags.reference;
  report.videos = clips.videos_folder;
  report.unpaired = flags.unpaired;
  for (const Metric metric : plan.metrics) {
    if (InfoOf(metric).source != Source::kEmbedding) continue;
    report.embedding = tools.sounds.at(plan.embedding)->info().name;
  }
  report.resamples = flags.resamples;
  report.seed = flags.seed;
  report.clips = clips.names;
  report.skipped = clips.skipped;
  report.left_out = plan.left_out;
  for (size_t i = 0; i < folders.size(); ++i) {
    SetReport& set = report.sets.emplace_back();
    set.folder = folders[i];
    set.evidence.paired = clips.paired;
    set.evidence.videos = videos;
    for (const std::string& path : clips.generated[i]) {
      set.evidence.generated.push_back(sounds.at(path));
    }
    for (const std::string& path : clips.reference) {
      set.evidence.reference.push_back(sounds.at(path));
    }
  }
  Warn(clips, report.sets, &report.warnings);
  RETURN_IF_ERROR(Measure(plan, tools, flags, &report));
  const BootstrapOptions bootstrap{.resamples = flags.resamples, .seed = flags.seed};
  RETURN_IF_ERROR(FillIntervals(bootstrap, cancel, progress, &report));
  return report;
}

}  // namespace vidmuse::evaluate
