#include "core/evaluate/feature_cache.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/content_hash.h"
#include "core/base/whole_file.h"

namespace vidmuse::evaluate {
namespace {

// Changes with the form of the values, and with what the computations do.
constexpr absl::string_view kFormat = "vidmuse features 1\n";

std::string HashOf(absl::string_view a, absl::string_view b) {
  ContentHash hash;
  hash.Add(kFormat);
  hash.Add(absl::StrCat(a.size(), " "));
  hash.Add(a);
  hash.Add(b);
  return hash.Hex();
}

void PackMatrix(const FeatureMatrix& matrix, std::string* bytes) {
  const int64_t sizes[] = {matrix.rows, matrix.columns};
  bytes->append(reinterpret_cast<const char*>(sizes), sizeof(sizes));
  bytes->append(reinterpret_cast<const char*>(matrix.values.data()),
                matrix.values.size() * sizeof(float));
}

bool UnpackMatrix(absl::string_view* bytes, FeatureMatrix* matrix) {
  int64_t sizes[2];
  if (bytes->size() < sizeof(sizes)) return false;
  std::memcpy(sizes, bytes->data(), sizeof(sizes));
  bytes->remove_prefix(sizeof(sizes));
  if (sizes[0] < 0 || sizes[1] < 0) return false;
  const auto most = static_cast<int64_t>(bytes->size() / sizeof(float));
  if (sizes[1] > 0 && sizes[0] > most / sizes[1]) return false;
  const auto count = static_cast<size_t>(sizes[0] * sizes[1]);
  matrix->rows = sizes[0];
  matrix->columns = sizes[1];
  matrix->values.resize(count);
  if (count > 0) std::memcpy(matrix->values.data(), bytes->data(), count * sizeof(float));
  bytes->remove_prefix(count * sizeof(float));
  return true;
}

}  // namespace

absl::StatusOr<std::string> HashFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> part(1 << 18);
  ContentHash hash;
  while (file) {
    file.read(part.data(), static_cast<std::streamsize>(part.size()));
    hash.Add(part.data(), static_cast<size_t>(file.gcount()));
  }
  if (!file.eof()) return absl::NotFoundError(absl::StrCat(path, ": can't be read"));
  return hash.Hex();
}

absl::StatusOr<std::unique_ptr<FeatureCache>> FeatureCache::Open(const std::string& folder) {
  std::error_code error;
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) {
    return absl::InvalidArgumentError(absl::StrCat(folder, ": can't be made: ", error.message()));
  }
  return absl::WrapUnique(new FeatureCache(folder));
}

std::string FeatureCache::Path(absl::string_view content, absl::string_view computation) const {
  return absl::StrCat(folder_, "/", content, "-", HashOf(content, computation).substr(0, 16));
}

std::optional<std::string> FeatureCache::Get(absl::string_view content,
                                             absl::string_view computation) const {
  if (!keeps()) return std::nullopt;
  std::ifstream file(Path(content, computation), std::ios::binary);
  if (!file) return std::nullopt;
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  // A file is the format's name, a hash of keys and value, and the value.
  const std::string key = absl::StrCat(content, " ", computation);
  absl::string_view rest = bytes;
  if (!absl::ConsumePrefix(&rest, kFormat) || rest.size() < 32) return std::nullopt;
  const absl::string_view value = rest.substr(32);
  if (rest.substr(0, 32) != HashOf(key, value)) return std::nullopt;
  return std::string(value);
}

absl::Status FeatureCache::Put(absl::string_view content, absl::string_view computation,
                               absl::string_view value) const {
  if (!keeps()) return absl::OkStatus();
  return WriteWholeFile(
      Path(content, computation),
      absl::StrCat(kFormat, HashOf(absl::StrCat(content, " ", computation), value), value));
}

std::string PackFeatures(const Features& features) {
  std::string bytes;
  PackMatrix(features.embeddings, &bytes);
  PackMatrix(features.logits, &bytes);
  return bytes;
}

std::optional<Features> UnpackFeatures(absl::string_view bytes) {
  Features features;
  if (!UnpackMatrix(&bytes, &features.embeddings) || !UnpackMatrix(&bytes, &features.logits) ||
      !bytes.empty()) {
    return std::nullopt;
  }
  return features;
}

std::string ComputationOf(const ExtractorInfo& info) {
  return absl::StrCat(info.name, "\n", info.file, "\n", info.sha256, "\n", info.resampler);
}

}  // namespace vidmuse::evaluate
