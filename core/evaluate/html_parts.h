// Pieces of the report's page.
#ifndef VIDMUSE_EVALUATE_HTML_PARTS_H_
#define VIDMUSE_EVALUATE_HTML_PARTS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace vidmuse::evaluate {

// Text as HTML shows it, also within quotes.
std::string Escape(absl::string_view text);

// The link from a page at `page` to the file at `path`, percent-encoded. Bytes that no URL has are
// encoded too, so the link holds no markup.
std::string Link(const std::string& path, const std::string& page);

// One series of a histogram.
struct Series {
  std::string name;
  std::vector<double> values;  // NaN counts as no value
};

// A histogram of one or two series over the same bins, as an SVG image with a text for those who
// don't see it. Empty if there are no values.
std::string Histogram(const std::string& title, const std::vector<Series>& series);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_HTML_PARTS_H_
