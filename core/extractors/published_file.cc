#include "core/extractors/published_file.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <new>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "core/base/status_macros.h"
#include "core/base/unique_fd.h"
#include "core/model/checkpoint/tensor_file.h"

namespace vidmuse {
namespace {

bool HasPrefix(const TensorFile& file, const std::string& prefix) {
  const auto first = file.tensors().lower_bound(prefix);
  return first != file.tensors().end() && first->first.starts_with(prefix);
}

}  // namespace

absl::Status LoadPublished(const std::string& path, const std::string& prefix,
                           absl::FunctionRef<absl::Status(WeightReader&)> load,
                           ExtractorInfo& info) {
  ASSIGN_OR_RETURN(const std::unique_ptr<TensorFile> file,
                   TensorFile::OpenTorch(path, OtherValues::kSkip));
  WeightReader weights(file.get(), HasPrefix(*file, prefix) ? prefix : "");
  const absl::Status loaded = load(weights);
  if (absl::IsNotFound(loaded)) return absl::InvalidArgumentError(loaded.message());
  RETURN_IF_ERROR(loaded);
  info.file = std::filesystem::path(path).filename().string();
  ASSIGN_OR_RETURN(info.sha256, Sha256OfFile(path));
  return absl::OkStatus();
}

absl::StatusOr<std::string> Sha256OfFile(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return absl::ErrnoToStatus(errno, path);
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  if (context == nullptr) throw std::bad_alloc();
  bool good = EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
  std::vector<char> piece(1 << 20);
  while (good) {
    const ssize_t got = read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::ErrnoToStatus(errno, path);
    if (got == 0) break;
    good = EVP_DigestUpdate(context.get(), piece.data(), static_cast<size_t>(got)) == 1;
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (!good || EVP_DigestFinal_ex(context.get(), digest, &size) != 1) {
    return absl::InternalError("OpenSSL can't compute SHA-256");
  }
  return absl::BytesToHexString({reinterpret_cast<const char*>(digest), size});
}

}  // namespace vidmuse
