#include "client/telemetry/tracer.h"

#include <cstdint>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"

namespace vidmuse {

Tracer::Tracer(std::shared_ptr<SpanSink> sink, double sample_share)
    : sink_(std::move(sink)), sample_share_(sample_share) {}

TraceContext Tracer::Begin(const std::optional<TraceContext>& parent) const {
  if (parent.has_value()) return ChildOf(*parent);
  TraceContext root = NewTrace();
  // The last 56 bits are random in every trace's identifier (W3C Trace Context, level 2).
  uint64_t bits = 0;
  const absl::string_view id = root.trace_id;
  constexpr double kValues = static_cast<double>(uint64_t{1} << 56);
  root.sampled = absl::SimpleHexAtoi(id.substr(id.size() - 14), &bits) &&
                 static_cast<double>(bits) < sample_share_ * kValues;
  return root;
}

}  // namespace vidmuse
