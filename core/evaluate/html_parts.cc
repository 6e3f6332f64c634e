#include "core/evaluate/html_parts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "core/evaluate/report_numbers.h"

namespace vidmuse::evaluate {
namespace {

constexpr size_t kBins = 20;
constexpr double kWidth = 480;
constexpr double kHeight = 120;

struct Range {
  double low = 0;
  double high = 0;
};

// Of all finite values; low > high if there are none.
Range RangeOf(const std::vector<Series>& series) {
  Range range{HUGE_VAL, -HUGE_VAL};
  for (const Series& one : series) {
    for (const double value : one.values) {
      if (!std::isfinite(value)) continue;
      range.low = std::min(range.low, value);
      range.high = std::max(range.high, value);
    }
  }
  return range;
}

std::array<int, kBins> Count(const Series& series, const Range& range) {
  std::array<int, kBins> counts = {};
  const double width = (range.high - range.low) / kBins;
  for (const double value : series.values) {
    if (!std::isfinite(value)) continue;
    const auto bin = width > 0 ? static_cast<size_t>((value - range.low) / width) : 0;
    ++counts[std::min(bin, kBins - 1)];
  }
  return counts;
}

}  // namespace

std::string Escape(absl::string_view text) {
  return absl::StrReplaceAll(
      text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

std::string Link(const std::string& path, const std::string& page) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::absolute(page, error).parent_path();
  const std::filesystem::path file = std::filesystem::absolute(path, error);
  std::string link = file.lexically_normal().lexically_relative(folder.lexically_normal()).string();
  // A name with a colon in front of any slash would be taken for a scheme.
  if (!absl::StartsWith(link, "../")) link = absl::StrCat("./", link);
  std::string encoded;
  for (const char c : link) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains("-._~/", c)) {
      encoded.push_back(c);
    } else {
      absl::StrAppend(&encoded, absl::StrFormat("%%%02X", static_cast<unsigned char>(c)));
    }
  }
  return encoded;
}

std::string Histogram(const std::string& title, const std::vector<Series>& series) {
  const Range range = RangeOf(series);
  if (range.low > range.high) return "";
  std::vector<std::array<int, kBins>> counts;
  int highest = 1;
  std::vector<std::string> names;
  for (const Series& one : series) {
    counts.push_back(Count(one, range));
    highest = std::max(highest, *std::max_element(counts.back().begin(), counts.back().end()));
    names.push_back(one.name);
  }
  const std::string text = absl::StrCat(
      "Histogram of ", title, " from ", NumberText(range.low), " to ", NumberText(range.high),
      ", at most ", highest, " clips in one of ", kBins, " bins",
      series.size() > 1 ? absl::StrCat(": ", absl::StrJoin(names, ", ")) : "");
  std::string svg = absl::StrFormat(
      "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"%s\"><title>%s</title>\n", kWidth,
      kHeight + 18, Escape(text), Escape(text));
  const double bar = kWidth / kBins / static_cast<double>(series.size());
  for (size_t s = 0; s < series.size(); ++s) {
    for (size_t bin = 0; bin < kBins; ++bin) {
      if (counts[s][bin] == 0) continue;
      const double height = kHeight * counts[s][bin] / highest;
      absl::StrAppendFormat(
          &svg, "<rect class=\"s%d\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", s,
          kWidth * static_cast<double>(bin) / kBins + bar * static_cast<double>(s),
          kHeight - height, bar * 0.9, height);
    }
  }
  absl::StrAppendFormat(&svg,
                        "<text x=\"0\" y=\"%.0f\">%s</text><text x=\"%.0f\" y=\"%.0f\" "
                        "text-anchor=\"end\">%s</text></svg>\n",
                        kHeight + 14, NumberText(range.low), kWidth, kHeight + 14,
                        NumberText(range.high));
  return svg;
}

}  // namespace vidmuse::evaluate
