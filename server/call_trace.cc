#include "server/call_trace.h"

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/catch_exceptions.h"
#include "server/call_metadata.h"
#include "server/grpc_status.h"

namespace vidmuse {
namespace {

constexpr char kService[] = "vidmuse.v1.MusicService";

void RecordStage(const Tracer& tracer, const TraceContext& call, absl::Time epoch,
                 const StageTime& stage) {
  Span span;
  span.context = ChildOf(call);
  span.parent_id = call.span_id;
  span.name = stage.name;
  span.begin = epoch + stage.began;
  span.end = epoch + stage.ended;
  if (stage.window) span.attributes.push_back({"vidmuse.window", int64_t{*stage.window}});
  if (stage.busy) {
    span.attributes.push_back({"vidmuse.busy_seconds", absl::ToDoubleSeconds(*stage.busy)});
  }
  tracer.Record(std::move(span));
}

std::vector<SpanAttribute> AttributesOf(const RequestRecord& record, absl::string_view model) {
  std::vector<SpanAttribute> attributes = {
      {"rpc.grpc.status_code", static_cast<int64_t>(record.status.code())},
      {"client.address", record.client},
      {"vidmuse.request_id", record.request_id},
      {"vidmuse.model", std::string(model)},
      {"vidmuse.video_bytes", static_cast<int64_t>(record.video_bytes)},
      {"vidmuse.frames", record.total_frames},
      {"vidmuse.samples", record.samples},
      {"vidmuse.audio_bytes", static_cast<int64_t>(record.audio_bytes)},
  };
  // A seed has 64 bits without a sign, which OTLP has no number for.
  if (record.seed) attributes.push_back({"vidmuse.seed", absl::StrCat(*record.seed)});
  if (record.seconds) {
    attributes.push_back({"vidmuse.time_to_first_audio_seconds", record.seconds->first_audio});
    attributes.push_back({"vidmuse.open_window_seconds", record.seconds->prefill});
    attributes.push_back({"vidmuse.step_seconds", record.seconds->generate});
  }
  return attributes;
}

}  // namespace

CallTrace::CallTrace(std::shared_ptr<const Tracer> tracer, const grpc::ServerContextBase& context,
                     std::string method, absl::Duration now)
    : tracer_(std::move(tracer)),
      method_(std::move(method)),
      began_(now),
      epoch_(absl::Now() - now),
      parent_(ParseTraceparent(ClientMetadata(context, kTraceparentKey),
                               ClientMetadata(context, kTracestateKey))) {
  context_ = tracer_ == nullptr ? parent_ : tracer_->Begin(parent_);
}

StageObserver CallTrace::Observer() const {
  if (tracer_ == nullptr || !context_->sampled) return nullptr;
  return [tracer = tracer_, call = *context_, epoch = epoch_](const StageTime& stage) {
    // Without memory for a span there is none.
    CatchExceptions("a span", [&] { RecordStage(*tracer, call, epoch, stage); }).IgnoreError();
  };
}

void CallTrace::End(const RequestRecord& record, absl::string_view model) const {
  if (tracer_ == nullptr || !context_->sampled) return;
  Span span;
  span.context = *context_;
  if (parent_) span.parent_id = parent_->span_id;
  span.name = absl::StrCat(kService, "/", method_);
  span.kind = SpanKind::kServer;
  span.begin = epoch_ + began_;
  span.end = span.begin + record.duration;
  span.attributes = AttributesOf(record, model);
  span.attributes.push_back({"rpc.system", "grpc"});
  span.attributes.push_back({"rpc.service", kService});
  span.attributes.push_back({"rpc.method", method_});
  span.failed = IsServerFault(record.status.code());
  span.message = std::string(record.status.message());
  tracer_->Record(std::move(span));
}

}  // namespace vidmuse
