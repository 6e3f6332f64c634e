// Between the service's protobuf and the core's plain data, with every check on what a client
// sends.
#ifndef VIDMUSE_SERVER_CONVERT_H_
#define VIDMUSE_SERVER_CONVERT_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "vidmuse/types.h"
#include "vidmuse/v1/music.pb.h"

namespace vidmuse {

// INVALID_ARGUMENT names the field, its value and what is allowed. Fills neither request_id nor
// deadline.
absl::StatusOr<GenerationRequest> ToRequest(const v1::GenerateMusicConfig& config,
                                            const ModelInfo& model);

// Writes `event` into `response`, moving audio out of it.
void ToProto(StreamEvent event, const ModelInfo& model, v1::GenerateMusicResponse* response);

void ToProto(const ModelInfo& model, const Limits& limits, int max_message_bytes,
             absl::string_view version, v1::GetModelInfoResponse* response);

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_CONVERT_H_
