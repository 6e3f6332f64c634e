#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/evaluate/html_parts.h"
#include "core/evaluate/report.h"
#include "core/evaluate/report_numbers.h"

namespace vidmuse::evaluate {
namespace {

constexpr size_t kShownClips = 5;  // worst, and as many best, of each measure

constexpr char kHead[] = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; media-src 'self' file:">
<title>%s</title>
<style>
:root { color-scheme: light dark; --a: #1f6fb2; --b: #c4570a; }
@media (prefers-color-scheme: dark) { :root { --a: #6db3f2; --b: #ffa05c; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 70rem; padding: 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 1rem 0; }
caption { text-align: left; font-weight: bold; }
th, td { border-bottom: 1px solid #8888; padding: .3rem .7rem; text-align: left; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
svg { max-width: 30rem; width: 100%%; } svg text { fill: currentColor; font-size: 12px; }
.s0 { fill: var(--a); } .s1 { fill: var(--b); }
audio { height: 2.2rem; vertical-align: middle; max-width: 16rem; }
</style></head><body><main>
<h1>%s</h1>
)";

std::string Cell(const std::string& text) {
  return absl::StrCat("<td class=\"n\">", text, "</td>");
}

// The beginning of a table, which scrolls by itself where it is too wide.
std::string TableHead(const std::string& caption, const std::vector<std::string>& columns) {
  std::string row = absl::StrCat("<div class=\"wide\" tabindex=\"0\"><table><caption>",
                                 Escape(caption), "</caption><thead><tr>");
  for (const std::string& column : columns) {
    absl::StrAppend(&row, "<th scope=\"col\">", Escape(column), "</th>");
  }
  return absl::StrCat(row, "</tr></thead><tbody>\n");
}

std::string RowName(Metric metric) {
  const MetricInfo& info = InfoOf(metric);
  return absl::StrCat("<th scope=\"row\">", Escape(info.title), " (", Escape(info.name), ", ",
                      info.lower_is_better ? "lower" : "higher", " is better)</th>");
}

std::string MeasureTable(const SetReport& set, const std::string& caption) {
  std::string table =
      TableHead(caption, {"Measure", "Value", "95 % interval", "Reference in two halves",
                          "Pairs shuffled", "Clips", "Seconds", "Network"});
  for (const Measurement& m : set.measurements) {
    const std::string network = m.extractors.empty() ? "none" : m.extractors.front().name;
    absl::StrAppend(&table, "<tr>", RowName(m.metric), Cell(NumberText(m.value)),
                    Cell(IntervalText(m.ci95)), Cell(NumberText(m.floor_split)),
                    Cell(NumberText(m.shuffled)), Cell(absl::StrCat(m.clips)),
                    Cell(absl::StrFormat("%.0f", m.seconds)));
    absl::StrAppend(&table, "<td>", Escape(network), "</td></tr>\n");
  }
  return absl::StrCat(table, "</tbody></table></div>\n");
}

std::string DifferenceTable(const Report& report) {
  std::string table = TableHead("What the second set has more than the first",
                                {"Measure", "Difference", "95 % interval", "Better"});
  for (const Difference& difference : report.differences) {
    const std::string better = BetterSet(difference);
    absl::StrAppend(&table, "<tr>", RowName(difference.metric), Cell(NumberText(difference.value)),
                    Cell(IntervalText(difference.ci95)));
    absl::StrAppend(&table, "<td>",
                    better == "a"   ? "first"
                    : better == "b" ? "second"
                                    : better,
                    "</td></tr>\n");
  }
  return absl::StrCat(table, "</tbody></table></div>\n");
}

// One measure of all sets.
using Sets = std::vector<const Measurement*>;

// What clips are ranked by: the value, or what the second set has more than the first.
double RankedValue(const Sets& sets, size_t clip) {
  const double first = sets[0]->clip_values[clip];
  return sets.size() == 1 ? first : sets[1]->clip_values[clip] - first;
}

// Numbers of the clips that have a value, the worst ones first.
std::vector<size_t> Ranking(const Sets& sets) {
  std::vector<size_t> order;
  for (size_t i = 0; i < sets[0]->clip_values.size(); ++i) {
    if (std::isfinite(RankedValue(sets, i))) order.push_back(i);
  }
  const bool lower_is_better = InfoOf(sets[0]->metric).lower_is_better;
  std::sort(order.begin(), order.end(), [&](size_t i, size_t j) {
    const double first = RankedValue(sets, i);
    const double second = RankedValue(sets, j);
    if (first == second) return i < j;
    return lower_is_better ? first > second : first < second;
  });
  return order;
}

std::string Player(const std::string& path, const std::string& label, const std::string& page) {
  return absl::StrCat("<td><audio controls preload=\"none\" aria-label=\"", Escape(label),
                      "\" src=\"", Link(path, page), "\"></audio></td>");
}

std::string ClipRow(const Report& report, const Sets& sets, size_t clip, const std::string& page) {
  const Evidence& evidence = report.sets[0].evidence;
  const std::string& name = report.clips[clip];
  std::string row = absl::StrCat("<tr><th scope=\"row\">", Escape(name), "</th>");
  for (const Measurement* measurement : sets) {
    absl::StrAppend(&row, Cell(NumberText(measurement->clip_values[clip])));
  }
  for (const SetReport& set : report.sets) {
    absl::StrAppend(&row, Player(set.evidence.generated[clip].path,
                                 absl::StrCat(name, " of ", set.folder), page));
  }
  if (evidence.paired) {
    absl::StrAppend(&row, Player(evidence.reference[clip].path, name + ", reference", page));
  }
  if (!evidence.videos.empty()) {
    absl::StrAppend(&row, "<td><a href=\"", Link(evidence.videos[clip].path, page), "\">video of ",
                    Escape(name), "</a></td>");
  }
  return absl::StrCat(row, "</tr>\n");
}

std::vector<std::string> ClipColumns(const Report& report) {
  std::vector<std::string> columns = {"Clip"};
  for (const SetReport& set : report.sets) columns.push_back("Value, " + set.folder);
  for (const SetReport& set : report.sets) columns.push_back("Music, " + set.folder);
  if (report.sets[0].evidence.paired) columns.emplace_back("Reference");
  if (!report.sets[0].evidence.videos.empty()) columns.emplace_back("Video");
  return columns;
}

std::string ClipTable(const Report& report, const Sets& sets, const std::string& page) {
  const std::vector<size_t> order = Ranking(sets);
  if (order.empty()) return "";
  const size_t worst = std::min(kShownClips, (order.size() + 1) / 2);
  const size_t best = std::min(kShownClips, order.size() - worst);
  const std::string caption =
      sets.size() == 1
          ? absl::StrCat("The ", worst, " worst and the ", best, " best clips")
          : absl::StrCat("The ", worst, " clips for which the second set is worst against the ",
                         "first, and the ", best, " for which it is best");
  std::string table = TableHead(caption, ClipColumns(report));
  for (size_t i = 0; i < order.size(); ++i) {
    if (i >= worst && i + best < order.size()) continue;
    absl::StrAppend(&table, ClipRow(report, sets, order[i], page));
  }
  return absl::StrCat(table, "</tbody></table></div>\n");
}

// The histogram and the clips of one measure; empty if not every set has values of clips.
std::string ClipSection(const Report& report, Metric metric, const std::string& page) {
  std::vector<Series> series;
  Sets sets;
  for (const SetReport& set : report.sets) {
    for (const Measurement& measurement : set.measurements) {
      if (measurement.metric != metric || measurement.clip_values.empty()) continue;
      series.push_back({set.folder, measurement.clip_values});
      sets.push_back(&measurement);
    }
  }
  if (sets.size() != report.sets.size()) return "";
  const std::string title(InfoOf(metric).title);
  return absl::StrCat("<section><h2>", Escape(title), "</h2>\n", Histogram(title, series),
                      ClipTable(report, sets, page), "</section>\n");
}

std::string Notes(const Report& report) {
  std::string list;
  for (const std::string& warning : report.warnings) {
    absl::StrAppend(&list, "<li>", Escape(warning), "</li>\n");
  }
  for (const LeftOut& left : report.left_out) {
    absl::StrAppend(&list, "<li>", Escape(left.name), " is left out: ", Escape(left.reason),
                    "</li>\n");
  }
  if (list.empty()) return "";
  return absl::StrCat("<section><h2>Notes</h2><ul>\n", list, "</ul></section>\n");
}

std::string Networks(const Report& report) {
  std::string list;
  for (const Measurement& measurement : report.sets[0].measurements) {
    for (const ExtractorInfo& info : measurement.extractors) {
      const std::string item =
          absl::StrCat("<li>", Escape(info.name), ": ", Escape(info.file), ", SHA-256 ",
                       Escape(info.sha256), ", ", Escape(info.resampler), "</li>\n");
      if (list.find(item) == std::string::npos) list += item;
    }
  }
  if (list.empty()) return "";
  return absl::StrCat("<section><h2>Networks</h2><ul>\n", list, "</ul></section>\n");
}

}  // namespace

std::string HtmlReport(const Report& report, const std::string& path) {
  std::string title = absl::StrCat("Evaluation of ", report.sets[0].folder);
  if (report.sets.size() == 2) absl::StrAppend(&title, " and ", report.sets[1].folder);
  std::string page = absl::StrFormat(kHead, Escape(title), Escape(title));
  absl::StrAppend(&page, "<p>", report.clips.size(), " clips");
  if (!report.reference.empty()) {
    absl::StrAppend(&page, ", reference ", Escape(report.reference));
  }
  if (!report.videos.empty()) absl::StrAppend(&page, ", videos ", Escape(report.videos));
  absl::StrAppend(&page, ". Intervals are of ", report.resamples,
                  " resamples of the clips. vidmuse_evaluate ", Escape(report.version), ".</p>\n");
  for (const SetReport& set : report.sets) {
    absl::StrAppend(&page, MeasureTable(set, set.folder));
  }
  if (!report.differences.empty()) absl::StrAppend(&page, DifferenceTable(report));
  absl::StrAppend(&page, Notes(report));
  for (const Measurement& measurement : report.sets[0].measurements) {
    absl::StrAppend(&page, ClipSection(report, measurement.metric, path));
  }
  return absl::StrCat(page, Networks(report), "</main></body></html>\n");
}

}  // namespace vidmuse::evaluate
