#include "server/api_keys.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/base/clock.h"
#include "core/base/small_file.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

constexpr absl::Duration kLookPeriod = absl::Seconds(1);
constexpr size_t kMaxName = 64;

bool IsNameCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
}

bool IsHexDigit(char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); }

absl::StatusOr<ApiKey> ParseLine(const std::vector<absl::string_view>& fields) {
  // Errors don't quote the line, because it may be a key that somebody forgot to hash.
  const absl::string_view digits = fields[0];
  ApiKey key;
  if (digits.size() != 2 * key.hash.size() ||
      !std::all_of(digits.begin(), digits.end(), IsHexDigit)) {
    return absl::InvalidArgumentError("not a SHA-256 hash of 64 hexadecimal digits");
  }
  if (fields.size() > 2) return absl::InvalidArgumentError("more than a hash and a name");
  const std::string bytes = absl::HexStringToBytes(digits);
  std::copy(bytes.begin(), bytes.end(), key.hash.begin());
  key.name = std::string(fields.size() == 2 ? fields[1] : "-");
  if (key.name == "-") key.name = absl::AsciiStrToLower(digits.substr(0, 8));
  if (key.name.size() > kMaxName ||
      !std::all_of(key.name.begin(), key.name.end(), IsNameCharacter)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a name is up to ", kMaxName, " characters of [A-Za-z0-9._-]"));
  }
  return key;
}

absl::StatusOr<std::vector<ApiKey>> ReadKeys(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(path));
  absl::StatusOr<std::vector<ApiKey>> keys = ParseApiKeys(text);
  if (keys.ok()) return keys;
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", keys.status().message()));
}

absl::string_view KeyOf(absl::string_view authorization, absl::string_view x_api_key) {
  if (!x_api_key.empty()) return x_api_key;
  constexpr absl::string_view kScheme = "bearer ";
  if (!absl::StartsWithIgnoreCase(authorization, kScheme)) return "";
  return absl::StripAsciiWhitespace(authorization.substr(kScheme.size()));
}

}  // namespace

absl::StatusOr<std::vector<ApiKey>> ParseApiKeys(absl::string_view text) {
  std::vector<ApiKey> keys;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    const std::vector<absl::string_view> fields =
        absl::StrSplit(line.substr(0, line.find('#')), absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (fields.empty()) continue;
    absl::StatusOr<ApiKey> key = ParseLine(fields);
    if (!key.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, ": ", key.status().message()));
    }
    keys.push_back(*std::move(key));
  }
  return keys;
}

absl::StatusOr<std::unique_ptr<ApiKeys>> ApiKeys::Open(const std::string& path,
                                                       std::shared_ptr<RequestLog> log) {
  // std::make_unique cannot call the private constructor.
  std::unique_ptr<ApiKeys> keys(new ApiKeys(path, std::move(log)));
  MutexLock lock(&keys->mutex_);
  keys->file_.Changed();
  ASSIGN_OR_RETURN(std::vector<ApiKey> read, ReadKeys(path));
  keys->keys_ = std::make_shared<const std::vector<ApiKey>>(std::move(read));
  keys->WarnIfEmpty();
  return keys;
}

ApiKeys::ApiKeys(std::string path, std::shared_ptr<RequestLog> log)
    : path_(std::move(path)), log_(std::move(log)), file_({path_}) {}

ApiKeys::Keys ApiKeys::Current() {
  MutexLock lock(&mutex_);
  const absl::Duration now = Clock::Real()->Monotonic();
  if (now < next_look_) return keys_;
  next_look_ = now + kLookPeriod;
  if (!file_.Changed()) return keys_;
  absl::StatusOr<std::vector<ApiKey>> read = ReadKeys(path_);
  if (read.ok()) {
    keys_ = std::make_shared<const std::vector<ApiKey>>(*std::move(read));
    log_->Notice("api_keys", absl::StrCat(path_, ": ", keys_->size(), " keys read"));
    WarnIfEmpty();
  } else {
    log_->Notice("api_keys", absl::StrCat("the old keys stay: ", read.status().message()),
                 Severity::kError);
  }
  return keys_;
}

void ApiKeys::WarnIfEmpty() {
  if (!keys_->empty()) return;
  log_->Notice("api_keys", absl::StrCat(path_, ": no key in it: nobody may call"),
               Severity::kError);
}

absl::StatusOr<std::string> ApiKeys::Authenticate(absl::string_view authorization,
                                                  absl::string_view x_api_key) {
  const absl::string_view sent = KeyOf(authorization, x_api_key);
  if (sent.empty()) {
    return absl::UnauthenticatedError(
        "an API key is needed: metadata `authorization: Bearer KEY` or `x-api-key: KEY`");
  }
  std::array<unsigned char, SHA256_DIGEST_LENGTH> hash;
  SHA256(reinterpret_cast<const unsigned char*>(sent.data()), sent.size(), hash.data());
  const Keys keys = Current();
  const ApiKey* found = nullptr;
  for (const ApiKey& key : *keys) {
    if (CRYPTO_memcmp(key.hash.data(), hash.data(), hash.size()) == 0) found = &key;
  }
  if (found == nullptr) return absl::UnauthenticatedError("the API key is not known");
  return found->name;
}

}  // namespace vidmuse
