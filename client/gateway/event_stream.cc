#include "client/gateway/event_stream.h"

#include <google/protobuf/util/json_util.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace vidmuse {
namespace {

std::string Event(const char* name, const std::string& json) {
  return absl::StrCat("event: ", name, "\ndata: ", json, "\n\n");
}

absl::StatusOr<std::string> JsonEvent(const char* name, const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json, options).ok()) {
    return absl::InternalError("a message of the server can't be written as JSON");
  }
  return Event(name, json);
}

}  // namespace

absl::StatusOr<std::string> MessageEvent(const v1::GenerationStarted& started) {
  return JsonEvent("started", started);
}

absl::StatusOr<std::string> MessageEvent(const v1::GenerationProgress& progress) {
  return JsonEvent("progress", progress);
}

absl::StatusOr<std::string> MessageEvent(const v1::AudioChunk& chunk) {
  return JsonEvent("chunk", chunk);
}

absl::StatusOr<std::string> MessageEvent(const v1::GenerationFinished& finished) {
  return JsonEvent("finished", finished);
}

std::string ErrorEvent(const absl::Status& status) {
  const nlohmann::json body = {{"status", absl::StatusCodeToString(status.code())},
                               {"message", std::string(status.message())}};
  // Messages may quote what a client sent.
  return Event("error", body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace vidmuse
