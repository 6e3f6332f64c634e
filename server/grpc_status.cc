#include "server/grpc_status.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "vidmuse/types.h"

namespace vidmuse {

grpc::Status ToGrpcStatus(const absl::Status& status, grpc::ServerContextBase* context) {
  if (status.ok()) return grpc::Status::OK;
  if (const std::optional<absl::Duration> delay = RetryAfter(status)) {
    context->AddTrailingMetadata(
        kRetryPushbackKey, absl::StrCat(std::max<int64_t>(0, absl::ToInt64Milliseconds(*delay))));
  }
  // gRPC limits a call's metadata to 8 KiB; escapes make a message up to three times longer.
  constexpr size_t kMaxMessage = 1024;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      std::string(status.message().substr(0, kMaxMessage)));
}

}  // namespace vidmuse
