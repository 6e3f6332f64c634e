#include "core/curate/report.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/evaluate/html_parts.h"

namespace vidmuse::curate {
namespace {

// Every number that was measured, by "stage: name", of all clips and of the kept ones.
std::map<std::string, std::vector<evaluate::Series>> Numbers(
    const std::vector<CuratedClip>& clips) {
  std::map<std::string, std::vector<evaluate::Series>> numbers;
  for (const CuratedClip& clip : clips) {
    for (const auto& [stage, measured] : clip.measured) {
      for (const auto& [name, value] : measured.items()) {
        if (!value.is_number()) continue;
        std::vector<evaluate::Series>& series = numbers[absl::StrCat(stage, ": ", name)];
        if (series.empty()) series = {{"all", {}}, {"kept", {}}};
        series[0].values.push_back(value);
        if (clip.decision.kept) series[1].values.push_back(value);
      }
    }
  }
  return numbers;
}

std::string Row(const std::string& first, const std::string& second, int64_t count) {
  return absl::StrCat("<tr><th scope=\"row\">", evaluate::Escape(first), "</th><td>",
                      evaluate::Escape(second), "</td><td>", count, "</td></tr>\n");
}

}  // namespace

std::vector<Drops> CountDrops(const std::vector<CuratedClip>& clips) {
  std::map<std::pair<std::string, std::string>, int64_t> counts;
  for (const CuratedClip& clip : clips) {
    if (!clip.decision.kept) ++counts[{clip.decision.stage, clip.decision.rule}];
  }
  std::vector<Drops> drops;
  drops.reserve(counts.size());
  for (const auto& [rule, count] : counts) drops.push_back({rule.first, rule.second, count});
  const auto place = [](const Drops& drop) {
    return std::find(std::begin(kStageOrder), std::end(kStageOrder), drop.stage) -
           std::begin(kStageOrder);
  };
  std::sort(drops.begin(), drops.end(), [&](const Drops& a, const Drops& b) {
    return std::make_tuple(place(a), -a.clips, a.rule) <
           std::make_tuple(place(b), -b.clips, b.rule);
  });
  return drops;
}

std::string AgreementText(const Reviews& reviews) {
  const Agreement agreement = AgreementOf(reviews);
  std::string text = absl::StrFormat("%d reviewers; %d clips were seen by two or more of them",
                                     agreement.reviewers, agreement.clips);
  if (agreement.clips > 0)
    absl::StrAppendFormat(&text, ", who agree in %.0f%% of pairs", 100 * agreement.same);
  if (agreement.alpha.has_value())
    absl::StrAppendFormat(&text, " (Krippendorff's alpha %.2f)", *agreement.alpha);
  return text + ".";
}

std::string CurationReport(const std::vector<CuratedClip>& clips, const Split& split,
                           const Reviews& reviews) {
  std::string page = R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Curation</title>
<style>
  body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 70rem; padding: 1rem }
  table { border-collapse: collapse }
  th, td { text-align: left; padding: .2rem 1rem .2rem 0; border-bottom: 1px solid #ccc }
  td:last-child { text-align: right }
  .charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: 1rem }
</style>
<h1>Curation</h1>
<table>
<tr><th scope="col">stage</th><th scope="col">rule</th><th scope="col">clips</th></tr>
)";
  page += Row("", "in the manifest", static_cast<int64_t>(clips.size()));
  for (const Drops& drop : CountDrops(clips))
    page += Row(drop.stage, absl::StrCat("dropped: ", drop.rule), drop.clips);
  page += Row("split", "pretrain", static_cast<int64_t>(split.pretrain.size()));
  page += Row("split", "finetune", static_cast<int64_t>(split.finetune.size()));
  page += Row("split", "benchmark", static_cast<int64_t>(split.benchmark.size()));
  absl::StrAppend(&page, "</table>\n<h2>Reviewers</h2>\n<p>", AgreementText(reviews),
                  "</p>\n<h2>Measurements</h2>\n<div class=\"charts\">\n");
  for (const auto& [name, series] : Numbers(clips)) {
    absl::StrAppend(&page, evaluate::Histogram(name, series), "\n");
  }
  return page + "</div>\n</html>\n";
}

}  // namespace vidmuse::curate
