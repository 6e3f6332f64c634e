#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/evaluate/report.h"
#include "core/evaluate/report_numbers.h"

namespace vidmuse::evaluate {
namespace {

std::string SetText(const SetReport& set) {
  std::string text = absl::StrCat(set.folder, "\n");
  absl::StrAppend(&text, absl::StrFormat("  %-16s %10s  %-22s %10s %10s\n", "metric", "value",
                                         "95 %", "split", "shuffled"));
  for (const Measurement& measurement : set.measurements) {
    absl::StrAppend(
        &text,
        absl::StrFormat("  %-16s %10s  %-22s %10s %10s\n", InfoOf(measurement.metric).name,
                        NumberText(measurement.value), IntervalText(measurement.ci95),
                        NumberText(measurement.floor_split), NumberText(measurement.shuffled)));
  }
  return text;
}

}  // namespace

std::string NumberText(double value) {
  return std::isfinite(value) ? absl::StrFormat("%.4g", value) : "-";
}

std::string NumberText(const std::optional<double>& value) {
  return value.has_value() ? NumberText(*value) : "-";
}

std::string IntervalText(const std::optional<Interval>& interval) {
  if (!interval.has_value()) return "-";
  return absl::StrCat(NumberText(interval->low), " to ", NumberText(interval->high));
}

std::string TextReport(const Report& report) {
  std::string text;
  for (const SetReport& set : report.sets) absl::StrAppend(&text, SetText(set));
  if (!report.differences.empty()) {
    absl::StrAppend(&text, "second - first\n");
    for (const Difference& difference : report.differences) {
      absl::StrAppend(
          &text, absl::StrFormat("  %-16s %10s  %-22s better: %s\n", InfoOf(difference.metric).name,
                                 NumberText(difference.value), IntervalText(difference.ci95),
                                 BetterSet(difference)));
    }
  }
  std::map<std::string, std::vector<std::string>> left_out;  // names by reason
  for (const LeftOut& left : report.left_out) left_out[left.reason].push_back(left.name);
  for (const auto& [reason, names] : left_out) {
    absl::StrAppend(&text, "left out: ", absl::StrJoin(names, ", "), ": ", reason, "\n");
  }
  return text;
}

absl::Status CheckWritable(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) == 0) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat(path, ": there is no such folder to write to"));
}

}  // namespace vidmuse::evaluate
