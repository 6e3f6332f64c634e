#include "server/call_slots.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

absl::Status TooMany(absl::string_view limit, int count) {
  const absl::Status status =
      absl::ResourceExhaustedError(absl::StrCat(limit, ": ", count, " are on their way"));
  return WithRetryAfter(AboutLimit(status, limit, count), absl::Seconds(1));
}

}  // namespace

absl::Status CallSlots::Enter(const std::string& key) {
  MutexLock lock(&mutex_);
  if (uploads_ >= limits_.uploads) return TooMany("max_concurrent_uploads", limits_.uploads);
  if (!key.empty()) {
    const auto found = shares_.find(key);
    const Share share = found == shares_.end() ? Share() : found->second;
    if (share.uploads >= limits_.uploads_per_key) {
      return TooMany("max_uploads_per_key", limits_.uploads_per_key);
    }
    if (share.calls >= limits_.calls_per_key) {
      return TooMany("max_requests_per_key", limits_.calls_per_key);
    }
    shares_[key] = {.uploads = share.uploads + 1, .calls = share.calls + 1};
  }
  ++uploads_;
  return absl::OkStatus();
}

void CallSlots::EndUpload(const std::string& key) {
  MutexLock lock(&mutex_);
  --uploads_;
  if (!key.empty()) --shares_[key].uploads;
}

void CallSlots::Leave(const std::string& key) {
  if (key.empty()) return;
  MutexLock lock(&mutex_);
  const auto share = shares_.find(key);
  if (--share->second.calls == 0) shares_.erase(share);
}

}  // namespace vidmuse
