#include "core/evaluate/collect.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "core/base/status_macros.h"
#include "core/evaluate/ahead.h"
#include "core/evaluate/progress.h"

namespace vidmuse::evaluate {
namespace {

// Names of computations in the cache. A change of what they compute needs another name.
constexpr char kFactsComputation[] = "facts 1";
constexpr char kRhythmComputation[] = "rhythm 1";
constexpr char kCutsComputation[] = "cuts 1";
constexpr size_t kMostErrors = 10;  // in one message

absl::Status Cancelled() { return absl::CancelledError("interrupted"); }

// The same error with the file's name in front.
absl::Status AtFile(const std::string& path, const absl::Status& status) {
  if (absl::StrContains(status.message(), path)) return status;
  return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
}

// The errors of files, told together.
class FileErrors {
 public:
  void Add(const std::string& path, const absl::Status& status) {
    if (++count_ <= kMostErrors) lines_.emplace_back(AtFile(path, status).message());
  }
  bool empty() const { return count_ == 0; }
  absl::Status Together() const {
    std::string text = absl::StrJoin(lines_, "\n  ");
    if (count_ > kMostErrors) absl::StrAppend(&text, "\n  and ", count_ - kMostErrors, " more");
    if (count_ > 1) text = absl::StrCat(count_, " files can't be measured:\n  ", text);
    return absl::InvalidArgumentError(text);
  }

 private:
  size_t count_ = 0;
  std::vector<std::string> lines_;
};

// A file on its way to the networks.
struct Prepared {
  absl::Status status = absl::OkStatus();
  std::string hash;            // empty without a cache
  SoundFeatures known;         // from the cache, and what needs no network
  std::optional<Sound> sound;  // if a network has to hear it
};

// What a thread does to a file before the networks' turn.
class Preparer {
 public:
  Preparer(const Tools& tools, const FeatureCache& cache, const CancelFlag& cancel)
      : tools_(tools), cache_(cache), cancel_(cancel) {}

  Prepared Prepare(const std::string& path) const {
    Prepared file;
    file.known.path = path;
    file.status = cancel_.cancelled() ? Cancelled() : Fill(path, &file);
    return file;
  }

 private:
  absl::Status Fill(const std::string& path, Prepared* file) const {
    if (cache_.keeps()) {
      ASSIGN_OR_RETURN(file->hash, HashFile(path));
      if (Known(file)) return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(Sound sound, tools_.read_sound(path));
    file->known.facts = FactsOf(sound);
    RETURN_IF_ERROR(cache_.Put(file->hash, kFactsComputation, PackFacts(file->known.facts)));
    if (tools_.wants_rhythm) {
      ASSIGN_OR_RETURN(file->known.rhythm, tools_.rhythm(sound));
      RETURN_IF_ERROR(cache_.Put(file->hash, kRhythmComputation, PackRhythm(file->known.rhythm)));
    }
    if (file->known.features.size() < tools_.sounds.size()) file->sound = std::move(sound);
    return absl::OkStatus();
  }

  // Takes what the cache has. Returns whether that is all.
  bool Known(Prepared* file) const {
    bool all = true;
    const auto take = [&](absl::string_view computation, auto unpack, auto* to) {
      const std::optional<std::string> bytes = cache_.Get(file->hash, computation);
      auto value = bytes.has_value() ? unpack(*bytes) : std::nullopt;
      const bool known = value.has_value();
      if (known) *to = *std::move(value);
      all = all && known;
      return known;
    };
    take(kFactsComputation, UnpackFacts, &file->known.facts);
    if (tools_.wants_rhythm) take(kRhythmComputation, UnpackRhythm, &file->known.rhythm);
    for (const auto& [network, extractor] : tools_.sounds) {
      Features features;
      if (take(ComputationOf(extractor->info()), UnpackFeatures, &features)) {
        file->known.features[network] = std::move(features);
      }
    }
    return all;
  }

  const Tools& tools_;
  const FeatureCache& cache_;
  const CancelFlag& cancel_;
};

// The networks' turn: fills what is missing in `file`.
absl::Status Extract(const Tools& tools, const FeatureCache& cache, Prepared* file) {
  for (const auto& [network, extractor] : tools.sounds) {
    if (file->known.features.contains(network)) continue;
    ASSIGN_OR_RETURN(Features features, extractor->Extract(*file->sound));
    RETURN_IF_ERROR(
        cache.Put(file->hash, ComputationOf(extractor->info()), PackFeatures(features)));
    file->known.features[network] = std::move(features);
  }
  return absl::OkStatus();
}

absl::StatusOr<VideoFeatures> MeasureVideo(const std::string& path, const Tools& tools,
                                           const FeatureCache& cache) {
  VideoFeatures video;
  video.path = path;
  std::string hash;
  if (cache.keeps()) {
    ASSIGN_OR_RETURN(hash, HashFile(path));
  }
  for (const auto& [network, extractor] : tools.pictures) {
    const std::string computation = ComputationOf(extractor->info());
    const std::optional<std::string> bytes = cache.Get(hash, computation);
    std::optional<Features> known = bytes.has_value() ? UnpackFeatures(*bytes) : std::nullopt;
    if (!known.has_value()) {
      ASSIGN_OR_RETURN(known, extractor->Extract(path));
      RETURN_IF_ERROR(cache.Put(hash, computation, PackFeatures(*known)));
    }
    video.features[network] = *std::move(known);
  }
  if (!tools.wants_cuts) return video;
  const std::optional<std::string> text = cache.Get(hash, kCutsComputation);
  std::optional<std::vector<double>> cuts = text.has_value() ? UnpackTimes(*text) : std::nullopt;
  if (!cuts.has_value()) {
    ASSIGN_OR_RETURN(cuts, tools.cuts(path));
    RETURN_IF_ERROR(cache.Put(hash, kCutsComputation, PackTimes(*cuts)));
  }
  video.cuts = *std::move(cuts);
  return video;
}

}  // namespace

absl::StatusOr<std::vector<SoundFeatures>> CollectSounds(const std::vector<std::string>& paths,
                                                         const Tools& tools,
                                                         const FeatureCache& cache,
                                                         const CollectOptions& options,
                                                         const CancelFlag& cancel) {
  const Preparer preparer(tools, cache, cancel);
  Ahead<Prepared> files(options.workers, paths.size(),
                        [&](size_t index) { return preparer.Prepare(paths[index]); });
  Progress progress("music", paths.size(), options.progress);
  std::vector<SoundFeatures> all;
  FileErrors errors;
  for (const std::string& path : paths) {
    Prepared file = files.Take();
    if (cancel.cancelled()) return Cancelled();
    // Once a file has failed, the others are only read, to find all that can't be.
    if (file.status.ok() && errors.empty()) file.status = Extract(tools, cache, &file);
    if (!file.status.ok()) errors.Add(path, file.status);
    all.push_back(std::move(file.known));
    progress.Add();
  }
  if (!errors.empty()) return errors.Together();
  return all;
}

absl::StatusOr<std::vector<VideoFeatures>> CollectVideos(const std::vector<std::string>& paths,
                                                         const Tools& tools,
                                                         const FeatureCache& cache,
                                                         const CollectOptions& options,
                                                         const CancelFlag& cancel) {
  Progress progress("videos", paths.size(), options.progress);
  std::vector<VideoFeatures> all;
  FileErrors errors;
  for (const std::string& path : paths) {
    if (cancel.cancelled()) return Cancelled();
    absl::StatusOr<VideoFeatures> video = MeasureVideo(path, tools, cache);
    if (video.ok()) {
      all.push_back(*std::move(video));
    } else {
      errors.Add(path, video.status());
    }
    progress.Add();
  }
  if (!errors.empty()) return errors.Together();
  return all;
}

}  // namespace vidmuse::evaluate
