#include "core/evaluate/pair_measures.h"

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "core/base/status_macros.h"
#include "core/evaluate/class_divergence.h"
#include "core/evaluate/cosine.h"

namespace vidmuse::evaluate {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// KL(p || q) of two clips' logits.
absl::StatusOr<double> Divergence(const FeatureMatrix& p, const FeatureMatrix& q) {
  ASSIGN_OR_RETURN(const ClassDivergence divergence,
                   MeasureClassDivergence(p, q, ClassProbabilities::kSoftmax));
  return divergence.mean;
}

absl::StatusOr<double> Cosine(Metric metric, const Features& sound, const Features& pictures) {
  const bool dense = metric == Metric::kImageBindDense;
  ASSIGN_OR_RETURN(const PairedCosines cosines,
                   dense ? MeasureCosineCurve(sound.embeddings, pictures.embeddings)
                         : MeasureCosines(sound.embeddings, pictures.embeddings));
  return cosines.mean;
}

// Fills what is a mean over pairs. pair(i, j) is the value of clip i with what belongs to clip j.
template <typename Pair>
absl::Status FillPairs(size_t clips, const Pair& pair, Measurement* result) {
  for (size_t i = 0; i < clips; ++i) {
    ASSIGN_OR_RETURN(const double value, pair(i, i));
    result->clip_values.push_back(value);
  }
  result->value = Mean(result->clip_values);
  result->statistic = MeanOf(result->clip_values);
  result->shuffled = ShuffledMean(clips, [&pair](size_t i, size_t j) {
    const absl::StatusOr<double> value = pair(i, j);
    return value.ok() ? *value : kNone;
  });
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Measurement> MeasureKl(Metric metric, const Evidence& evidence,
                                      SoundNetwork network) {
  const bool reverse = metric == Metric::kKlReverse;
  Measurement result;
  result.metric = metric;
  result.settings["direction"] = reverse ? "KL(generated || reference)"
                                         : "KL(reference || generated), as audioldm_eval has it";
  result.settings["probabilities"] = "softmax over the classes";
  result.settings["epsilon"] = 1e-6;
  result.settings["unit"] = "nat";
  const auto pair = [&](size_t i, size_t j) {
    const FeatureMatrix& generated = evidence.generated[i].features.at(network).logits;
    const FeatureMatrix& reference = evidence.reference[j].features.at(network).logits;
    return reverse ? Divergence(generated, reference) : Divergence(reference, generated);
  };
  RETURN_IF_ERROR(FillPairs(evidence.generated.size(), pair, &result));
  return result;
}

absl::StatusOr<Measurement> MeasureImageBind(Metric metric, const Evidence& evidence) {
  const bool dense = metric == Metric::kImageBindDense;
  const SoundNetwork sounds =
      dense ? SoundNetwork::kImageBindSoundDense : SoundNetwork::kImageBindSound;
  const PictureNetwork pictures =
      dense ? PictureNetwork::kImageBindPicturesDense : PictureNetwork::kImageBindPictures;
  Measurement result;
  result.metric = metric;
  result.settings["windows"] = dense ? "2 s each, over all of the clip"
                                     : "sound: 3 of 2 s; pictures: 5 of 2 s, as published";
  result.settings["epsilon"] = 1e-6;
  const auto pair = [&](size_t i, size_t j) {
    return Cosine(metric, evidence.generated[i].features.at(sounds),
                  evidence.videos[j].features.at(pictures));
  };
  RETURN_IF_ERROR(FillPairs(evidence.generated.size(), pair, &result));
  return result;
}

}  // namespace vidmuse::evaluate
