// Computes all measures of a plan.
#ifndef VIDMUSE_EVALUATE_MEASURE_SET_H_
#define VIDMUSE_EVALUATE_MEASURE_SET_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "core/evaluate/collect.h"
#include "core/evaluate/measurement.h"
#include "core/evaluate/metric.h"

namespace vidmuse::evaluate {

struct SetMeasurements {
  std::vector<Measurement> measurements;  // in the order of reports, without intervals
  std::vector<LeftOut> left_out;          // what can't be computed, unless `all` was asked for
};

// `tools` has the networks that made the evidence. INVALID_ARGUMENT names a measure that can't be
// computed, if `all` is set.
absl::StatusOr<SetMeasurements> MeasureSet(const Plan& plan, const Evidence& evidence,
                                           const Tools& tools, uint64_t seed, bool all);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_MEASURE_SET_H_
