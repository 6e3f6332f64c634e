// API keys decide who may call. The server knows only their SHA-256 hashes.
#ifndef VIDMUSE_SERVER_API_KEYS_H_
#define VIDMUSE_SERVER_API_KEYS_H_

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"
#include "server/request_log.h"
#include "server/watched_files.h"

namespace vidmuse {

struct ApiKey {
  std::array<unsigned char, 32> hash;  // SHA-256 of the key
  std::string name;                    // the client's name, for logs and limits
};

// Each line holds one key: its hash as 64 hexadecimal digits, then an optional name of
// [A-Za-z0-9._-]. The name "-" counts as none, so the output of `sha256sum` can be used as it is.
// "#" begins a comment. A key without a name is named by the first 8 digits of its hash. Keys with
// the same name belong to the same client. Fails with INVALID_ARGUMENT, which names the line.
absl::StatusOr<std::vector<ApiKey>> ParseApiKeys(absl::string_view text);

// The keys in a file. A change to the file takes effect within a second. Thread-safe.
class ApiKeys {
 public:
  // Errors name the file. Each reload is logged to `log`. If the file is damaged or missing later,
  // the old keys stay valid. A file without any key revokes all keys, so that nobody may call.
  static absl::StatusOr<std::unique_ptr<ApiKeys>> Open(const std::string& path,
                                                       std::shared_ptr<RequestLog> log);

  // Returns the name of the key in a call's metadata: `x_api_key`, or `authorization` with
  // "Bearer KEY". An argument is empty if the client did not send it. Fails with UNAUTHENTICATED if
  // no key was sent or the key is unknown. The time taken does not reveal how a wrong key differs
  // from the known ones.
  absl::StatusOr<std::string> Authenticate(absl::string_view authorization,
                                           absl::string_view x_api_key);

 private:
  using Keys = std::shared_ptr<const std::vector<ApiKey>>;

  ApiKeys(std::string path, std::shared_ptr<RequestLog> log);
  void WarnIfEmpty() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Keys Current() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string path_;
  const std::shared_ptr<RequestLog> log_;
  Mutex mutex_;
  WatchedFiles file_ ABSL_GUARDED_BY(mutex_);
  absl::Duration next_look_ ABSL_GUARDED_BY(mutex_);  // Clock::Monotonic()
  Keys keys_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_API_KEYS_H_
