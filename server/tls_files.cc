#include "server/tls_files.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/small_file.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

Bio Open(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

// Makes a key with a passphrase an error, so that OpenSSL does not ask for it on the terminal.
int NoPassphrase(char*, int, int, void*) { return -1; }

// Returns the first certificate. All of them must be readable.
absl::StatusOr<Certificate> ParseCertificates(const std::string& path, const std::string& pem) {
  const Bio bio = Open(pem);
  Certificate first;
  for (;;) {
    Certificate next(PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr));
    if (next == nullptr) break;
    if (first == nullptr) first = std::move(next);
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (first != nullptr && at_end) return first;
  return absl::InvalidArgumentError(absl::StrCat(path, ": not a certificate in PEM"));
}

absl::StatusOr<PrivateKey> ParseKey(const std::string& path, const std::string& pem) {
  const Bio bio = Open(pem);
  PrivateKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  ERR_clear_error();
  if (key != nullptr) return key;
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": not a private key in PEM without a passphrase"));
}

std::vector<std::string> All(const TlsPaths& paths) {
  std::vector<std::string> all = {paths.cert, paths.key};
  if (!paths.client_ca.empty()) all.push_back(paths.client_ca);
  return all;
}

}  // namespace

absl::StatusOr<TlsPem> ReadTlsFiles(const TlsPaths& paths) {
  TlsPem pem;
  ASSIGN_OR_RETURN(pem.cert, ReadSmallFile(paths.cert));
  ASSIGN_OR_RETURN(const Certificate certificate, ParseCertificates(paths.cert, pem.cert));
  ASSIGN_OR_RETURN(pem.key, ReadSmallFile(paths.key));
  ASSIGN_OR_RETURN(const PrivateKey key, ParseKey(paths.key, pem.key));
  const bool match = X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (!match) {
    return absl::InvalidArgumentError(
        absl::StrCat(paths.key, ": not the key of the certificate in ", paths.cert));
  }
  if (!paths.client_ca.empty()) {
    ASSIGN_OR_RETURN(pem.client_ca, ReadSmallFile(paths.client_ca));
    RETURN_IF_ERROR(ParseCertificates(paths.client_ca, pem.client_ca).status());
  }
  return pem;
}

absl::StatusOr<std::unique_ptr<TlsFiles>> TlsFiles::Open(TlsPaths paths,
                                                         std::shared_ptr<RequestLog> log) {
  // std::make_unique cannot call the private constructor.
  std::unique_ptr<TlsFiles> files(new TlsFiles(std::move(paths), std::move(log)));
  MutexLock lock(&files->mutex_);
  files->files_.Changed();
  ASSIGN_OR_RETURN(files->first_, ReadTlsFiles(files->paths_));
  return files;
}

TlsFiles::TlsFiles(TlsPaths paths, std::shared_ptr<RequestLog> log)
    : paths_(std::move(paths)), log_(std::move(log)), files_(All(paths_)) {}

std::optional<TlsPem> TlsFiles::Fetch() {
  MutexLock lock(&mutex_);
  if (first_.has_value()) return std::exchange(first_, std::nullopt);
  if (!files_.Changed()) return std::nullopt;
  absl::StatusOr<TlsPem> pem = ReadTlsFiles(paths_);
  if (!pem.ok()) {
    log_->Notice("tls", absl::StrCat("the old certificate stays: ", pem.status().message()));
    return std::nullopt;
  }
  log_->Notice("tls", absl::StrCat(paths_.cert, ": new connections get this certificate"));
  return *std::move(pem);
}

}  // namespace vidmuse
