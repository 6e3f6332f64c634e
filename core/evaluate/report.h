// All that a run found out, for the report's two forms.
#ifndef VIDMUSE_EVALUATE_REPORT_H_
#define VIDMUSE_EVALUATE_REPORT_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/evaluate/measurement.h"
#include "core/evaluate/metric.h"

namespace vidmuse::evaluate {

// One set of generated music.
struct SetReport {
  std::string folder;
  Evidence evidence;
  std::vector<Measurement> measurements;
};

// What the second set's measure is more than the first one's.
struct Difference {
  Metric metric = Metric::kFad;
  double value = 0;
  std::optional<Interval> ci95;
};

struct Report {
  std::string version;
  std::string reference;  // folders; empty: none
  std::string videos;
  std::string unpaired;   // --unpaired
  std::string embedding;  // the network's name; empty: no measure uses it
  int resamples = 0;
  uint64_t seed = 0;
  std::vector<std::string> clips;    // names, in order
  std::vector<std::string> skipped;  // names of clips that not all folders have
  std::vector<LeftOut> left_out;
  std::vector<std::string> warnings;
  std::vector<SetReport> sets;  // one, or the two that are compared
  std::vector<Difference> differences;
};

// "a" wins, "b" wins, or the interval has 0 in it: "undecided".
std::string BetterSet(const Difference& difference);

// The report as JSON. The same run gives the same bytes.
std::string JsonReport(const Report& report);

// The report as a page that loads nothing but the music. `path` is where it will be, so that links
// to the music are relative to its folder.
std::string HtmlReport(const Report& report, const std::string& path);

// The report as lines for a terminal.
std::string TextReport(const Report& report);

// NOT_FOUND: the folder of the file can't be written to. Tells so before a long run, not after it.
absl::Status CheckWritable(const std::string& path);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_REPORT_H_
