#include "core/model/checkpoint/weight_reader.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/content_hash.h"
#include "core/base/status_macros.h"
#include "core/model/checkpoint/half.h"

namespace vidmuse {
namespace {

// Number of values that are converted and checked at a time, few enough to stay in the cache.
constexpr int64_t kBlock = 4096;
// Number of values that are read from the file at a time. It is a multiple of kBlock.
constexpr int64_t kPiece = 16 * kBlock;

template <typename Stored, typename Convert>
void ConvertBlock(const char* bytes, int64_t count, Convert convert, float* out) {
  for (int64_t i = 0; i < count; ++i) {
    Stored stored;
    std::memcpy(&stored, bytes + i * sizeof(Stored), sizeof(stored));
    out[i] = convert(stored);
  }
}

// Returns false if the type is not a floating-point one.
bool ConvertBlock(DType dtype, const char* bytes, int64_t count, float* out) {
  switch (dtype) {
    case DType::kFloat32:
      std::memcpy(out, bytes, count * sizeof(float));
      return true;
    case DType::kFloat64:
      ConvertBlock<double>(
          bytes, count, [](double x) { return static_cast<float>(x); }, out);
      return true;
    case DType::kFloat16:
      ConvertBlock<uint16_t>(
          bytes, count, [](uint16_t x) { return HalfToFloat(x); }, out);
      return true;
    case DType::kBFloat16:
      ConvertBlock<uint16_t>(
          bytes, count, [](uint16_t x) { return std::bit_cast<float>(uint32_t{x} << 16); }, out);
      return true;
    default:
      return false;
  }
}

bool AllFinite(const float* values, int64_t count) {
  constexpr uint32_t kExponent = 0x7f800000;
  uint32_t found = 0;
  for (int64_t i = 0; i < count; ++i) {
    found |= (std::bit_cast<uint32_t>(values[i]) & kExponent) == kExponent ? 1 : 0;
  }
  return found == 0;
}

}  // namespace

WeightReader::WeightReader(const TensorFile* file, std::string prefix)
    : file_(file), prefix_(std::move(prefix)) {}

bool WeightReader::Has(absl::string_view name) const {
  return file_->tensors().contains(absl::StrCat(prefix_, name));
}

absl::StatusOr<const TensorView*> WeightReader::Find(absl::string_view name) {
  const auto found = file_->tensors().find(absl::StrCat(prefix_, name));
  if (found == file_->tensors().end()) {
    return absl::NotFoundError(absl::StrCat(file_->name(), ": tensor '", name, "' is missing"));
  }
  MutexLock lock(&mutex_);
  used_.insert(found->first);
  return &found->second;
}

absl::StatusOr<std::vector<int64_t>> WeightReader::Shape(absl::string_view name) {
  ASSIGN_OR_RETURN(const TensorView* tensor, Find(name));
  return tensor->shape;
}

absl::StatusOr<std::vector<float>> WeightReader::Read(absl::string_view name,
                                                      const std::vector<int64_t>& shape) {
  ASSIGN_OR_RETURN(const TensorView* tensor, Find(name));
  if (tensor->shape != shape) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_->name(), ": tensor '", name, "' has shape ", tensor->ShapeString(),
                     ", expected [", absl::StrJoin(shape, ", "), "]"));
  }
  std::vector<float> values(tensor->elements());
  const auto count = static_cast<int64_t>(values.size());
  const int size = DTypeSize(tensor->dtype);
  std::vector<char> piece(std::min(kPiece, count) * size);
  ContentHash hash;
  for (int64_t at = 0; at < count; at += kBlock) {
    const int64_t block = std::min(kBlock, count - at);
    if (at % kPiece == 0) {
      RETURN_IF_ERROR(
          file_->ReadBytes(*tensor, at * size, std::min(kPiece, count - at) * size, piece.data()));
    }
    float* out = values.data() + at;
    if (!ConvertBlock(tensor->dtype, piece.data() + at % kPiece * size, block, out)) {
      return absl::InvalidArgumentError(absl::StrCat(file_->name(), ": tensor '", name,
                                                     "' is of type ", DTypeName(tensor->dtype),
                                                     ", expected a floating-point type"));
    }
    if (!AllFinite(out, block)) {
      return absl::InvalidArgumentError(
          absl::StrCat(file_->name(), ": tensor '", name, "' holds a value that is not finite"));
    }
    hash.Add(out, block * sizeof(float));
  }
  MutexLock lock(&mutex_);
  if (hashes_.insert_or_assign(std::string(name), hash.Hex()).second) parameters_ += count;
  return values;
}

int64_t WeightReader::parameters() const {
  MutexLock lock(&mutex_);
  return parameters_;
}

std::string WeightReader::Digest() const {
  ContentHash all;
  MutexLock lock(&mutex_);
  for (const auto& [name, hash] : hashes_) all.Add(absl::StrCat(name, " ", hash, "\n"));
  return all.Hex();
}

absl::Status WeightReader::CheckAllUsed(const std::vector<std::string>& ignored) const {
  std::vector<std::string> unknown;
  MutexLock lock(&mutex_);
  for (const auto& [name, tensor] : file_->tensors()) {
    if (!absl::StartsWith(name, prefix_) || used_.contains(name)) continue;
    bool skip = false;
    for (const std::string& part : ignored) skip = skip || absl::StrContains(name, part);
    if (!skip) unknown.push_back(absl::StrCat("'", name.substr(prefix_.size()), "'"));
  }
  if (unknown.empty()) return absl::OkStatus();
  const size_t count = unknown.size();
  if (count > 5) unknown.resize(5);
  return absl::InvalidArgumentError(absl::StrCat(
      file_->name(), ": ", count, " unexpected tensor(s): ", absl::StrJoin(unknown, ", "),
      count > 5 ? ", ..." : ""));
}

}  // namespace vidmuse
