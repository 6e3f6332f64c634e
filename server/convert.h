// Converts between the service's protobuf messages and the core's plain data, and checks what a
// client sends.
#ifndef VIDMUSE_SERVER_CONVERT_H_
#define VIDMUSE_SERVER_CONVERT_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "vidmuse/events.h"
#include "vidmuse/limits.h"
#include "vidmuse/model_info.h"
#include "vidmuse/request.h"
#include "vidmuse/v1/music.pb.h"

namespace vidmuse {

// Converts and checks a client's config. Fails with INVALID_ARGUMENT, which names the field, its
// value and what is allowed. Leaves request_id, client_key and time_limit unset.
absl::StatusOr<GenerationRequest> ToRequest(const v1::GenerateMusicConfig& config,
                                            const ModelInfo& model);

// Replaces `response` with `event`; audio is moved, not copied.
void ToProto(StreamEvent event, const ModelInfo& model, v1::GenerateMusicResponse* response);

void ToProto(const ModelInfo& model, const Limits& limits, int max_message_bytes,
             absl::string_view version, v1::GetModelInfoResponse* response);

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_CONVERT_H_
