#include "server/trace_context.h"

#include <algorithm>

namespace vidmuse {
namespace {

bool IsLowerHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsId(absl::string_view text) {
  return IsLowerHex(text) && text.find_first_not_of('0') != absl::string_view::npos;
}

}  // namespace

std::optional<TraceContext> ParseTraceparent(absl::string_view header) {
  // The format is version "-" trace-id "-" parent-id "-" flags. Later versions may add fields.
  constexpr size_t kLength = 55;
  if (header.size() < kLength || header[2] != '-' || header[35] != '-' || header[52] != '-') {
    return std::nullopt;
  }
  const absl::string_view version = header.substr(0, 2);
  if (!IsLowerHex(version) || version == "ff" || !IsLowerHex(header.substr(53, 2))) {
    return std::nullopt;
  }
  if (header.size() > kLength && (version == "00" || header[kLength] != '-')) return std::nullopt;
  const absl::string_view trace = header.substr(3, 32);
  const absl::string_view span = header.substr(36, 16);
  if (!IsId(trace) || !IsId(span)) return std::nullopt;
  return TraceContext{std::string(trace), std::string(span)};
}

}  // namespace vidmuse
