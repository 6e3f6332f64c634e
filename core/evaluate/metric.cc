#include "core/evaluate/metric.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"

namespace vidmuse::evaluate {
namespace {

constexpr bool kYes = true;
constexpr bool kNo = false;

bool HasFile(const std::string& folder, const std::string& file) {
  std::error_code error;
  return !folder.empty() && std::filesystem::exists(folder + "/" + file, error);
}

absl::StatusOr<SoundNetwork> EmbeddingNetwork(const Inputs& inputs, SoundNetwork cnn14) {
  if (inputs.embedding == "cnn14_16k") return SoundNetwork::kCnn14At16kHz;
  if (inputs.embedding == "cnn14_32k") return SoundNetwork::kCnn14At32kHz;
  if (inputs.embedding == "clap") return SoundNetwork::kClapMusic;
  if (inputs.embedding == "vggish") return SoundNetwork::kVggish;
  if (inputs.embedding != "auto") {
    return absl::InvalidArgumentError(absl::StrCat("embedding '", inputs.embedding, "'"));
  }
  const bool clap = HasFile(inputs.extractors, PublishedFile(SoundNetwork::kClapMusic));
  return clap ? SoundNetwork::kClapMusic : cnn14;
}

// The networks behind a source.
struct Networks {
  std::vector<SoundNetwork> sounds;
  std::vector<PictureNetwork> pictures;
};

Networks NetworksOf(Source source, const Plan& plan) {
  switch (source) {
    case Source::kVggish:
      return {{SoundNetwork::kVggish}, {}};
    case Source::kCnn14:
      return {{plan.cnn14}, {}};
    case Source::kEmbedding:
      return {{plan.embedding}, {}};
    case Source::kImageBind:
      return {{SoundNetwork::kImageBindSound}, {PictureNetwork::kImageBindPictures}};
    case Source::kImageBindDense:
      return {{SoundNetwork::kImageBindSoundDense}, {PictureNetwork::kImageBindPicturesDense}};
    case Source::kRhythm:
    case Source::kRhythmAndCuts:
      break;
  }
  return {};
}

// OK if all that the measure needs is there.
absl::Status CheckInputs(const MetricInfo& info, const Inputs& inputs, const Networks& networks) {
  if (info.reference && !inputs.reference) {
    return absl::InvalidArgumentError("needs --reference");
  }
  if (info.paired && !inputs.reference_is_paired) {
    return absl::InvalidArgumentError("needs a reference whose clips are paired with the others");
  }
  if (info.videos && !inputs.videos) return absl::InvalidArgumentError("needs --videos");
  const bool any_network = !networks.sounds.empty() || !networks.pictures.empty();
  if (any_network && inputs.extractors.empty()) {
    return absl::InvalidArgumentError("needs --extractors");
  }
  std::vector<std::string> files;
  files.reserve(networks.sounds.size() + networks.pictures.size());
  for (const SoundNetwork network : networks.sounds) files.push_back(PublishedFile(network));
  for (const PictureNetwork network : networks.pictures) files.push_back(PublishedFile(network));
  for (const std::string& file : files) {
    if (HasFile(inputs.extractors, file)) continue;
    return absl::NotFoundError(absl::StrCat("needs ", inputs.extractors, "/", file));
  }
  return absl::OkStatus();
}

template <typename T>
void AddOnce(const std::vector<T>& added, std::vector<T>* all) {
  for (const T& value : added) {
    if (std::find(all->begin(), all->end(), value) == all->end()) all->push_back(value);
  }
}

void Add(const MetricInfo& info, const Networks& networks, Plan* plan) {
  plan->metrics.push_back(info.metric);
  AddOnce(networks.sounds, &plan->sounds);
  AddOnce(networks.pictures, &plan->pictures);
  if (info.source == Source::kRhythm || info.source == Source::kRhythmAndCuts) plan->rhythm = true;
  if (info.source == Source::kRhythmAndCuts) plan->cuts = true;
}

absl::Status CheckNames(const std::vector<std::string>& names) {
  std::vector<absl::string_view> known;
  for (const MetricInfo& info : AllMetrics()) known.push_back(info.name);
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("there is no metric '", name, "', only ", absl::StrJoin(known, ", ")));
  }
  return absl::OkStatus();
}

}  // namespace

const std::vector<MetricInfo>& AllMetrics() {
  using M = Metric;
  using S = Source;
  static const auto* const metrics = new std::vector<MetricInfo>{
      // name, title, source, reference, paired, videos, by default, lower is better
      {M::kFad, "fad", "Fréchet audio distance", S::kVggish, kYes, kNo, kNo, kYes, kYes},
      {M::kFadInf, "fad_inf", "FAD extrapolated to infinitely many windows", S::kVggish, kYes, kNo,
       kNo, kYes, kYes},
      {M::kFd, "fd", "Fréchet distance", S::kCnn14, kYes, kNo, kNo, kYes, kYes},
      {M::kKl, "kl", "KL of the reference's classes against the generated", S::kCnn14, kYes, kYes,
       kNo, kYes, kYes},
      {M::kKlReverse, "kl_reverse", "KL of the generated classes against the reference's",
       S::kCnn14, kYes, kYes, kNo, kYes, kYes},
      {M::kDensity, "density", "Density", S::kEmbedding, kYes, kNo, kNo, kYes, kNo},
      {M::kCoverage, "coverage", "Coverage", S::kEmbedding, kYes, kNo, kNo, kYes, kNo},
      {M::kPrecision, "precision", "Precision", S::kEmbedding, kYes, kNo, kNo, kYes, kNo},
      {M::kRecall, "recall", "Recall", S::kEmbedding, kYes, kNo, kNo, kYes, kNo},
      {M::kKad, "kad", "Kernel audio distance", S::kEmbedding, kYes, kNo, kNo, kYes, kYes},
      {M::kImageBind, "imagebind", "ImageBind score of music and video", S::kImageBind, kNo, kNo,
       kYes, kYes, kNo},
      {M::kImageBindDense, "imagebind_dense", "ImageBind score over all windows of 2 s",
       S::kImageBindDense, kNo, kNo, kYes, kNo, kNo},
      {M::kBeats, "beats", "F1 of seconds with onsets", S::kRhythm, kYes, kYes, kNo, kYes, kNo},
      {M::kTempo, "tempo", "Share of clips in the reference's tempo", S::kRhythm, kYes, kYes, kNo,
       kYes, kNo},
      {M::kKey, "key", "Share of clips in the reference's key", S::kRhythm, kYes, kYes, kNo, kYes,
       kNo},
      {M::kCuts, "cuts", "Beats at the video's cuts", S::kRhythmAndCuts, kNo, kNo, kYes, kYes, kNo},
  };
  return *metrics;
}

const MetricInfo& InfoOf(Metric metric) { return AllMetrics()[static_cast<size_t>(metric)]; }

absl::StatusOr<Plan> MakePlan(const std::vector<std::string>& names, const Inputs& inputs) {
  RETURN_IF_ERROR(CheckNames(names));
  Plan plan;
  if (!HasFile(inputs.extractors, PublishedFile(plan.cnn14)) &&
      HasFile(inputs.extractors, PublishedFile(SoundNetwork::kCnn14At32kHz))) {
    plan.cnn14 = SoundNetwork::kCnn14At32kHz;
  }
  ASSIGN_OR_RETURN(plan.embedding, EmbeddingNetwork(inputs, plan.cnn14));
  for (const MetricInfo& info : AllMetrics()) {
    const bool named = std::find(names.begin(), names.end(), info.name) != names.end();
    if (!named && !(names.empty() && info.by_default)) continue;
    const Networks networks = NetworksOf(info.source, plan);
    const absl::Status status = CheckInputs(info, inputs, networks);
    if (status.ok()) {
      Add(info, networks, &plan);
    } else if (named) {
      return absl::Status(status.code(), absl::StrCat("metric ", info.name, " ", status.message()));
    } else {
      plan.left_out.push_back({std::string(info.name), std::string(status.message())});
    }
  }
  if (!plan.metrics.empty()) return plan;
  std::vector<std::string> reasons;
  reasons.reserve(plan.left_out.size());
  for (const LeftOut& left : plan.left_out) {
    reasons.push_back(absl::StrCat(left.name, " ", left.reason));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("nothing can be measured: ", absl::StrJoin(reasons, "; ")));
}

}  // namespace vidmuse::evaluate
