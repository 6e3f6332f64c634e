// Who may call: API keys, of which the server knows only SHA-256 hashes.
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
  std::string name;                    // the client's, for logs and limits
};

// One key a line: its hash as 64 hexadecimal digits, then a name of [A-Za-z0-9._-] if wanted ("-"
// is none, so that `sha256sum` writes such lines); # begins a comment. A key without a name is
// known by its hash's first 8 digits. Several keys may have one name: they are one client's.
// INVALID_ARGUMENT names the line.
absl::StatusOr<std::vector<ApiKey>> ParseApiKeys(absl::string_view text);

// The keys of a file, read again within a second of a change. Thread-safe.
class ApiKeys {
 public:
  // Errors name the file. `log` hears of what is read. A file that is damaged or gone later leaves
  // the keys as they were; one without any key revokes them all, and then nobody may call.
  static absl::StatusOr<std::unique_ptr<ApiKeys>> Open(const std::string& path,
                                                       std::shared_ptr<RequestLog> log);

  // The name of the key in a call's metadata: `x_api_key`, or `authorization` with "Bearer KEY".
  // Empty: not sent. UNAUTHENTICATED: none, or not known. Takes the same time whatever is wrong
  // with a key.
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
