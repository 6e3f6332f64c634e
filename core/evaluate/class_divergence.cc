#include "core/evaluate/class_divergence.h"

#include <algorithm>
#include <cmath>

#include "absl/types/span.h"
#include "core/base/status_macros.h"
#include "core/evaluate/feature_rows.h"

namespace vidmuse::evaluate {
namespace {

void Softmax(absl::Span<const float> logits, absl::Span<double> out) {
  const double highest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (size_t i = 0; i < logits.size(); ++i) sum += out[i] = std::exp(logits[i] - highest);
  for (double& p : out) p /= sum;
}

void Sigmoid(absl::Span<const float> logits, absl::Span<double> out) {
  for (size_t i = 0; i < logits.size(); ++i) {
    out[i] = 1 / (1 + std::exp(-static_cast<double>(logits[i])));
  }
}

}  // namespace

absl::StatusOr<ClassDivergence> MeasureClassDivergence(const FeatureMatrix& reference,
                                                       const FeatureMatrix& generated,
                                                       ClassProbabilities probabilities) {
  constexpr double kFloor = 1e-6;
  RETURN_IF_ERROR(CheckPairedRows(reference, generated));
  const auto classes = static_cast<size_t>(reference.columns);
  const auto to_probabilities = probabilities == ClassProbabilities::kSoftmax ? Softmax : Sigmoid;
  std::vector<double> p(classes), q(classes);
  ClassDivergence divergence;
  for (size_t row = 0; row < static_cast<size_t>(reference.rows); ++row) {
    to_probabilities({&reference.values[row * classes], classes}, absl::MakeSpan(p));
    to_probabilities({&generated.values[row * classes], classes}, absl::MakeSpan(q));
    double sum = 0;
    for (size_t i = 0; i < classes; ++i) {
      // A class that can't be heard adds nothing.
      if (p[i] > 0) sum += p[i] * (std::log(p[i]) - std::log(q[i] + kFloor));
    }
    divergence.clips.push_back(sum);
    divergence.mean += sum / static_cast<double>(reference.rows);
  }
  return divergence;
}

}  // namespace vidmuse::evaluate
