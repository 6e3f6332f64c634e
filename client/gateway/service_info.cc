#include "client/gateway/service_info.h"

#include <google/protobuf/util/json_util.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/time/clock.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(5);

}  // namespace

absl::StatusOr<std::unique_ptr<ServiceInfo>> ServiceInfo::Create(const ClientOptions& options) {
  auto info = std::make_unique<ServiceInfo>();
  for (const std::string& address : options.addresses) {
    ClientOptions one = options;
    one.addresses = {address};
    ASSIGN_OR_RETURN(info->replicas_.emplace_back(), MusicClient::Create(std::move(one)));
  }
  return info;
}

absl::Status ServiceInfo::Ready() {
  absl::Status failure;
  for (const auto& replica : replicas_) {
    failure = replica->CheckHealth(kTimeout, "readiness");
    if (failure.ok()) return failure;
  }
  return absl::UnavailableError(failure.message());
}

absl::StatusOr<std::string> ServiceInfo::ModelJson(const std::string& api_key) {
  absl::Status failure;
  for (const auto& replica : replicas_) {
    const absl::StatusOr<v1::GetModelInfoResponse> info = replica->GetModelInfo(kTimeout, api_key);
    if (!info.ok()) {
      failure = info.status();
      continue;
    }
    google::protobuf::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    options.always_print_primitive_fields = true;
    std::string json;
    if (google::protobuf::util::MessageToJsonString(*info, &json, options).ok()) return json + "\n";
    failure = absl::InternalError("the model's description can't be written as JSON");
  }
  return failure;
}

std::string AccessLogLine(const AccessRecord& record) {
  nlohmann::json line = {
      {"time", absl::FormatTime(absl::RFC3339_full, absl::Now(), absl::UTCTimeZone())},
      {"severity", record.code >= 500 ? "error" : "info"},
      {"request_id", record.request_id},
      {"method", record.method},
      {"route", record.route},
      {"code", record.code},
      {"status", absl::StatusCodeToString(record.status.code())},
      {"message", std::string(record.status.message())},
      {"seconds", absl::ToDoubleSeconds(record.took)},
      {"video_bytes", record.received},
      {"music_bytes", record.sent}};
  if (!record.trace_id.empty()) line["trace_id"] = record.trace_id;
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace vidmuse
