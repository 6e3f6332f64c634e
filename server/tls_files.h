// Reads the server's certificate, its key and the clients' certificate authority from files, which
// may change.
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

// The contents of the files, in PEM.
struct TlsPem {
  std::string cert;  // the server's certificate, then the rest of its chain
  std::string key;
  std::string client_ca;
};

// Reads the files and checks that they are certificates and a private key, and that the key belongs
// to the certificate. Errors name the file.
absl::StatusOr<TlsPem> ReadTlsFiles(const TlsPaths& paths);

// Thread-safe.
class TlsFiles {
 public:
  // Fails like ReadTlsFiles. Reloads are logged to `log`.
  static absl::StatusOr<std::unique_ptr<TlsFiles>> Open(TlsPaths paths,
                                                        std::shared_ptr<RequestLog> log);

  bool wants_client_certificate() const { return !paths_.client_ca.empty(); }

  // Returns the files' contents at the first call, and again after a valid change. Otherwise
  // returns nothing, and the server keeps what it has.
  std::optional<TlsPem> Fetch();

 private:
  TlsFiles(TlsPaths paths, std::shared_ptr<RequestLog> log);

  const TlsPaths paths_;
  const std::shared_ptr<RequestLog> log_;
  Mutex mutex_;
  WatchedFiles files_ ABSL_GUARDED_BY(mutex_);
  std::optional<TlsPem> first_ ABSL_GUARDED_BY(mutex_);  // until the first Fetch
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_TLS_FILES_H_
