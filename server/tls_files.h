// The server's certificate, its key and the authority of its clients, from files that may change.
#ifndef VIDMUSE_SERVER_TLS_FILES_H_
#define VIDMUSE_SERVER_TLS_FILES_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "server/request_log.h"
#include "server/watched_files.h"

namespace vidmuse {

struct TlsPaths {
  std::string cert;
  std::string key;
  std::string client_ca;  // empty: clients need no certificate
};

// What the files hold, in PEM.
struct TlsPem {
  std::string cert;  // the server's, then those that lead to the authority
  std::string key;
  std::string client_ca;
};

// Reads the files and checks that they are certificates and a private key, and that the key belongs
// to the certificate. Errors name the file.
absl::StatusOr<TlsPem> ReadTlsFiles(const TlsPaths& paths);

// Thread-safe.
class TlsFiles {
 public:
  // Errors as for ReadTlsFiles. `log` hears of reloads.
  static absl::StatusOr<std::unique_ptr<TlsFiles>> Open(TlsPaths paths,
                                                        std::shared_ptr<RequestLog> log);

  bool wants_client_certificate() const { return !paths_.client_ca.empty(); }

  // What to serve with from now on, at the first call and after a change; else nothing, as while
  // the changed files are no good.
  std::optional<TlsPem> Fetch();

 private:
  TlsFiles(TlsPaths paths, std::shared_ptr<RequestLog> log);

  const TlsPaths paths_;
  const std::shared_ptr<RequestLog> log_;
  Mutex mutex_;
  WatchedFiles files_ ABSL_GUARDED_BY(mutex_);
  std::optional<TlsPem> first_ ABSL_GUARDED_BY(mutex_);  // until it is fetched
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_TLS_FILES_H_
