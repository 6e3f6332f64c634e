// Numbers as reports for people show them.
#ifndef VIDMUSE_EVALUATE_REPORT_NUMBERS_H_
#define VIDMUSE_EVALUATE_REPORT_NUMBERS_H_

#include <optional>
#include <string>

#include "core/evaluate/bootstrap.h"

namespace vidmuse::evaluate {

// Four significant digits; "-" for what isn't there or isn't finite.
std::string NumberText(double value);
std::string NumberText(const std::optional<double>& value);
std::string IntervalText(const std::optional<Interval>& interval);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_REPORT_NUMBERS_H_
