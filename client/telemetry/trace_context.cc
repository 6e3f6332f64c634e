#include "client/telemetry/trace_context.h"

#include <algorithm>
#include <cstdint>

#include "absl/random/random.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace vidmuse {
namespace {

bool IsLowerHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsId(absl::string_view text) {
  return IsLowerHex(text) && text.find_first_not_of('0') != absl::string_view::npos;
}

// Never 0, which is no identifier.
std::string NewId() {
  static thread_local absl::BitGen random;
  return absl::StrFormat("%016x", absl::Uniform<uint64_t>(random, 1, UINT64_MAX));
}

}  // namespace

std::optional<TraceContext> ParseTraceparent(absl::string_view header,
                                             absl::string_view tracestate) {
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
  TraceContext context{std::string(trace), std::string(span)};
  const char last = header[54];
  const int digit = last <= '9' ? last - '0' : last - 'a' + 10;
  context.sampled = (digit & 1) != 0;
  if (IsTracestate(tracestate)) context.state = std::string(tracestate);
  return context;
}

std::string Traceparent(const TraceContext& span) {
  return absl::StrCat("00-", span.trace_id, "-", span.span_id, span.sampled ? "-01" : "-00");
}

bool IsTracestate(absl::string_view text) {
  constexpr size_t kMaxLength = 512;
  return !text.empty() && text.size() <= kMaxLength &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return absl::ascii_isprint(c); });
}

TraceContext ChildOf(const TraceContext& parent) {
  TraceContext child = parent;
  child.span_id = NewId();
  return child;
}

TraceContext NewTrace() { return {.trace_id = NewId() + NewId(), .span_id = NewId()}; }

}  // namespace vidmuse
