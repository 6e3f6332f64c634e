#include "client/telemetry/otlp_convert.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <variant>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace vidmuse {
namespace {

using opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;
using opentelemetry::proto::common::v1::KeyValue;
using ProtoSpan = opentelemetry::proto::trace::v1::Span;

constexpr size_t kMaxTextBytes = 1024;
constexpr size_t kMaxAttributes = 64;

// The length of the UTF-8 character that `text` begins with; 0: it begins with none.
size_t CharacterLength(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const size_t length = first < 0x80   ? 1
                        : first < 0xc2 ? 0
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                        : first < 0xf5 ? 4
                                       : 0;
  if (length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if (length < 3) return length;
  const bool is_bad = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f) ||
                      (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f);
  return is_bad ? 0 : length;
}

std::string Bounded(absl::string_view text) {
  std::string bounded;
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    if (bounded.size() + std::max<size_t>(length, 1) > kMaxTextBytes) break;
    if (length == 0) {
      bounded.push_back('?');
    } else {
      bounded.append(text.data(), length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return bounded;
}

void Convert(const SpanAttribute& attribute, KeyValue* out) {
  out->set_key(attribute.key);
  if (const auto* text = std::get_if<std::string>(&attribute.value)) {
    out->mutable_value()->set_string_value(*text);
  } else if (const auto* whole = std::get_if<int64_t>(&attribute.value)) {
    out->mutable_value()->set_int_value(*whole);
  } else {
    out->mutable_value()->set_double_value(std::get<double>(attribute.value));
  }
}

ProtoSpan::SpanKind KindOf(SpanKind kind) {
  switch (kind) {
    case SpanKind::kInternal:
      return ProtoSpan::SPAN_KIND_INTERNAL;
    case SpanKind::kServer:
      return ProtoSpan::SPAN_KIND_SERVER;
    case SpanKind::kClient:
      return ProtoSpan::SPAN_KIND_CLIENT;
  }
  return ProtoSpan::SPAN_KIND_UNSPECIFIED;
}

void Convert(const Span& span, ProtoSpan* out) {
  out->set_trace_id(absl::HexStringToBytes(span.context.trace_id));
  out->set_span_id(absl::HexStringToBytes(span.context.span_id));
  out->set_parent_span_id(absl::HexStringToBytes(span.parent_id));
  out->set_trace_state(span.context.state);
  out->set_flags(span.context.sampled ? 1 : 0);
  out->set_name(span.name);
  out->set_kind(KindOf(span.kind));
  out->set_start_time_unix_nano(static_cast<uint64_t>(absl::ToUnixNanos(span.begin)));
  out->set_end_time_unix_nano(static_cast<uint64_t>(absl::ToUnixNanos(span.end)));
  for (const SpanAttribute& attribute : span.attributes) Convert(attribute, out->add_attributes());
  if (!span.failed) return;
  out->mutable_status()->set_code(opentelemetry::proto::trace::v1::Status::STATUS_CODE_ERROR);
  out->mutable_status()->set_message(span.message);
}

}  // namespace

void BoundTexts(Span* span) {
  span->name = Bounded(span->name);
  span->message = Bounded(span->message);
  if (span->attributes.size() > kMaxAttributes) span->attributes.resize(kMaxAttributes);
  for (SpanAttribute& attribute : span->attributes) {
    if (auto* text = std::get_if<std::string>(&attribute.value)) *text = Bounded(*text);
  }
}

ExportTraceServiceRequest ToExportRequest(const std::vector<SpanAttribute>& resource,
                                          const std::vector<Span>& spans) {
  ExportTraceServiceRequest request;
  auto* const all = request.add_resource_spans();
  for (const SpanAttribute& attribute : resource) {
    Convert(attribute, all->mutable_resource()->add_attributes());
  }
  auto* const scope = all->add_scope_spans();
  scope->mutable_scope()->set_name("vidmuse");
  for (const Span& span : spans) Convert(span, scope->add_spans());
  return request;
}

}  // namespace vidmuse
