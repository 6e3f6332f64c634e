#include "core/evaluate/set_measures.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/types/span.h"
#include "core/base/status_macros.h"
#include "core/evaluate/feature_rows.h"
#include "core/evaluate/floors.h"
#include "core/evaluate/frechet.h"
#include "core/evaluate/kernel_distance.h"
#include "core/evaluate/manifold.h"

namespace vidmuse::evaluate {
namespace {

constexpr int kExtrapolationResamples = 40;

using Matrices = std::vector<FeatureMatrix>;

// Each clip's embeddings.
Matrices Rows(const std::vector<SoundFeatures>& clips, SoundNetwork network) {
  Matrices rows;
  for (const SoundFeatures& clip : clips) rows.push_back(clip.features.at(network).embeddings);
  return rows;
}

// Each clip's mean embedding: [1, columns].
Matrices MeanRows(const std::vector<SoundFeatures>& clips, SoundNetwork network) {
  Matrices means;
  for (const FeatureMatrix& rows : Rows(clips, network)) {
    FeatureMatrix& mean = means.emplace_back();
    mean.rows = 1;
    mean.columns = rows.columns;
    for (int64_t column = 0; column < rows.columns; ++column) {
      double sum = 0;
      for (int64_t row = 0; row < rows.rows; ++row) {
        sum += rows.values[static_cast<size_t>(row * rows.columns + column)];
      }
      mean.values.push_back(static_cast<float>(sum / static_cast<double>(rows.rows)));
    }
  }
  return means;
}

Matrices Pick(const Matrices& clips, const std::vector<int64_t>& numbers) {
  Matrices picked;
  for (const int64_t number : numbers) picked.push_back(clips[static_cast<size_t>(number)]);
  return picked;
}

// Calls `measure` with the pooled rows of the reference's two halves. nullopt: the halves are too
// small for it.
template <typename Measure>
std::optional<double> OfHalves(const Matrices& reference, uint64_t seed, Measure measure) {
  const absl::StatusOr<Halves> halves = SplitInHalves(static_cast<int64_t>(reference.size()), seed);
  if (!halves.ok()) return std::nullopt;
  const absl::StatusOr<FeatureMatrix> first = PoolRows(Pick(reference, halves->first));
  const absl::StatusOr<FeatureMatrix> second = PoolRows(Pick(reference, halves->second));
  if (!first.ok() || !second.ok()) return std::nullopt;
  const absl::StatusOr<double> value = measure(*first, *second);
  if (!value.ok()) return std::nullopt;
  return *value;
}

ExtrapolationOptions Extrapolation(uint64_t seed) { return {.seed = seed}; }

absl::StatusOr<double> Extrapolated(const FeatureMatrix& reference, const FeatureMatrix& generated,
                                    uint64_t seed) {
  ASSIGN_OR_RETURN(const ExtrapolatedDistance distance,
                   ExtrapolateFrechetDistance(reference, generated, Extrapolation(seed)));
  return distance.value;
}

// The clips' rows, each clip as often as it counts.
Matrices Repeat(const Matrices& clips, absl::Span<const int> counts) {
  Matrices repeated;
  for (size_t i = 0; i < clips.size(); ++i) {
    repeated.insert(repeated.end(), static_cast<size_t>(counts[i]), clips[i]);
  }
  return repeated;
}

absl::Status FillExtrapolated(const FeatureMatrix& reference, const FeatureMatrix& generated,
                              uint64_t seed, Measurement* result) {
  const ExtrapolationOptions options = Extrapolation(seed);
  ASSIGN_OR_RETURN(const ExtrapolatedDistance distance,
                   ExtrapolateFrechetDistance(reference, generated, options));
  result->value = distance.value;
  result->parts["r_squared"] = distance.r_squared;
  result->parts["slope"] = distance.slope;
  result->settings["sizes"] = options.sizes;
  result->settings["least_rows"] = options.least_rows;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Measurement> MeasureFrechet(Metric metric, const Evidence& evidence,
                                           SoundNetwork network, uint64_t seed) {
  const Matrices reference_clips = Rows(evidence.reference, network);
  const Matrices generated_clips = Rows(evidence.generated, network);
  ASSIGN_OR_RETURN(const FeatureMatrix reference, PoolRows(reference_clips));
  ASSIGN_OR_RETURN(const FeatureMatrix generated, PoolRows(generated_clips));
  Measurement result;
  result.metric = metric;
  result.biased_resamples = true;
  result.settings["rows"] = network == SoundNetwork::kVggish ? "all windows of all clips, pooled"
                                                             : "one embedding a clip";
  result.settings["covariance"] = "divided by n - 1";
  result.settings["reference_rows"] = reference.rows;
  result.settings["generated_rows"] = generated.rows;
  result.settings["dimensions"] = reference.columns;
  if (metric == Metric::kFadInf) {
    RETURN_IF_ERROR(FillExtrapolated(reference, generated, seed, &result));
    result.most_resamples = kExtrapolationResamples;
    // A clip's windows stay together in a resample; the distances are drawn from its rows.
    result.statistic = [reference_clips, generated_clips,
                        seed](const Resample& resample) -> absl::StatusOr<double> {
      ASSIGN_OR_RETURN(const FeatureMatrix first,
                       PoolRows(Repeat(reference_clips, resample.reference)));
      ASSIGN_OR_RETURN(const FeatureMatrix second,
                       PoolRows(Repeat(generated_clips, resample.generated)));
      return Extrapolated(first, second, seed);
    };
    return result;
  }
  ASSIGN_OR_RETURN(result.value, FrechetDistance(reference, generated));
  ASSIGN_OR_RETURN(std::shared_ptr<const ResampledFrechet> resampled,
                   ResampledFrechet::Create(reference_clips, generated_clips));
  result.statistic = [resampled](const Resample& resample) {
    return resampled->Distance(resample.reference, resample.generated);
  };
  result.floor_split = OfHalves(reference_clips, seed, FrechetDistance);
  return result;
}

absl::StatusOr<std::vector<Measurement>> MeasureNeighbourhoods(const std::vector<Metric>& metrics,
                                                               const Evidence& evidence,
                                                               SoundNetwork network,
                                                               uint64_t seed) {
  struct Part {
    Metric metric;
    double ManifoldMeasures::*value;
    std::vector<double> ManifoldMeasures::*parts;
    bool of_reference;  // whether the parts belong to reference clips
  };
  static constexpr Part kParts[] = {
      {Metric::kDensity, &ManifoldMeasures::density, &ManifoldMeasures::density_parts, false},
      {Metric::kCoverage, &ManifoldMeasures::coverage, &ManifoldMeasures::coverage_parts, true},
      {Metric::kPrecision, &ManifoldMeasures::precision, &ManifoldMeasures::precision_parts, false},
      {Metric::kRecall, &ManifoldMeasures::recall, &ManifoldMeasures::recall_parts, true},
  };
  const Matrices reference_clips = MeanRows(evidence.reference, network);
  ASSIGN_OR_RETURN(const FeatureMatrix reference, PoolRows(reference_clips));
  ASSIGN_OR_RETURN(const FeatureMatrix generated, PoolRows(MeanRows(evidence.generated, network)));
  ASSIGN_OR_RETURN(const ManifoldMeasures all, MeasureManifolds(reference, generated, kNeighbours));
  std::vector<Measurement> results;
  for (const Part& part : kParts) {
    if (std::find(metrics.begin(), metrics.end(), part.metric) == metrics.end()) continue;
    Measurement& result = results.emplace_back();
    result.metric = part.metric;
    result.value = all.*part.value;
    result.settings["k"] = kNeighbours;
    result.settings["comparison"] = "strict";
    result.settings["rows"] = "one embedding a clip, the mean of its windows";
    const std::vector<double>& parts = all.*part.parts;
    if (part.of_reference) {
      result.statistic = [mean = MeanOf(parts)](const Resample& resample) {
        return mean({resample.reference, resample.reference});
      };
    } else {
      result.clip_values = parts;
      result.statistic = MeanOf(parts);
    }
    result.floor_split = OfHalves(
        reference_clips, seed,
        [&](const FeatureMatrix& first, const FeatureMatrix& second) -> absl::StatusOr<double> {
          ASSIGN_OR_RETURN(const ManifoldMeasures halves,
                           MeasureManifolds(first, second, kNeighbours));
          return halves.*part.value;
        });
  }
  return results;
}

absl::StatusOr<Measurement> MeasureKad(const Evidence& evidence, SoundNetwork network,
                                       uint64_t seed) {
  const Matrices reference_clips = MeanRows(evidence.reference, network);
  const Matrices generated_clips = MeanRows(evidence.generated, network);
  ASSIGN_OR_RETURN(const FeatureMatrix reference, PoolRows(reference_clips));
  ASSIGN_OR_RETURN(const FeatureMatrix generated, PoolRows(generated_clips));
  ASSIGN_OR_RETURN(const KernelDistance distance, MeasureKernelDistance(reference, generated));
  Measurement result;
  result.metric = Metric::kKad;
  result.value = distance.value;
  result.settings["kernel"] = "Gaussian";
  result.settings["bandwidth"] = "median distance of the reference's embeddings";
  result.settings["sigma"] = distance.bandwidth;
  result.settings["estimator"] = "unbiased squared MMD, times 100";
  result.settings["rows"] = "one embedding a clip, the mean of its windows";
  result.biased_resamples = true;
  ASSIGN_OR_RETURN(std::shared_ptr<const ResampledKernelDistance> resampled,
                   ResampledKernelDistance::Create(reference_clips, generated_clips));
  result.statistic = [resampled](const Resample& resample) {
    return resampled->Distance(resample.reference, resample.generated);
  };
  result.floor_split = OfHalves(
      reference_clips, seed,
      [](const FeatureMatrix& first, const FeatureMatrix& second) -> absl::StatusOr<double> {
        ASSIGN_OR_RETURN(const KernelDistance halves, MeasureKernelDistance(first, second));
        return halves.value;
      });
  return result;
}

}  // namespace vidmuse::evaluate
