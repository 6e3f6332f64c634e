// Reads safetensors files: a length, a JSON header and the tensors' bytes
// (https://github.com/huggingface/safetensors, "Format").
#include <algorithm>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/checkpoint/little_endian.h"
#include "core/model/checkpoint/parsed_file.h"
#include "nlohmann/json.hpp"

namespace vidmuse {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMaxHeader = 16 << 20;
constexpr int kMaxDepth = 4;

struct NamedType {
  absl::string_view name;
  DType dtype;
};

constexpr NamedType kTypes[] = {
    {"F32", DType::kFloat32}, {"F16", DType::kFloat16}, {"BF16", DType::kBFloat16},
    {"F64", DType::kFloat64}, {"I64", DType::kInt64},   {"I32", DType::kInt32},
    {"I16", DType::kInt16},   {"I8", DType::kInt8},     {"U8", DType::kUint8},
    {"BOOL", DType::kBool},
};

struct Range {
  int64_t begin;
  int64_t end;
  absl::string_view name;
};

absl::Status Invalid(absl::string_view what) { return absl::InvalidArgumentError(what); }

absl::StatusOr<Json> ParseHeader(absl::string_view text) {
  std::set<std::string> names;
  std::string problem;
  const auto watch = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth > kMaxDepth) problem = "it is nested too deeply";
    if (event == Json::parse_event_t::key && depth == 1) {
      if (!names.insert(value.get<std::string>()).second) {
        problem = absl::StrCat("'", absl::CHexEscape(value.get<std::string>()), "' is there twice");
      }
      if (names.size() > kMaxNames) problem = absl::StrCat("more than ", kMaxNames, " names");
    }
    return problem.empty();
  };
  Json header = Json::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false);
  if (!problem.empty()) return Invalid(absl::StrCat("bad header: ", problem));
  if (!header.is_object()) return Invalid("its header is not a JSON object");
  return header;
}

// Reads a member that is a list of integers >= 0. Returns false if it isn't.
bool Integers(const Json& entry, const char* key, std::vector<int64_t>* out) {
  const auto found = entry.find(key);
  if (found == entry.end() || !found->is_array()) return false;
  for (const Json& item : *found) {
    if (!item.is_number_integer()) return false;
    if (item.is_number_unsigned() && item.get<uint64_t>() > INT64_MAX) return false;
    const int64_t value = item.get<int64_t>();
    if (value < 0) return false;
    out->push_back(value);
  }
  return true;
}

absl::StatusOr<TensorView> MakeTensor(const Json& entry, absl::string_view data, Range* range) {
  std::vector<int64_t> offsets;
  TensorView tensor;
  if (!entry.is_object() || !Integers(entry, "shape", &tensor.shape) ||
      !Integers(entry, "data_offsets", &offsets) || offsets.size() != 2 ||
      !entry.contains("dtype") || !entry["dtype"].is_string()) {
    return Invalid("its entry has no valid dtype, shape and data_offsets");
  }
  const std::string type_name = entry["dtype"].get<std::string>();
  const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                  [&](const NamedType& t) { return t.name == type_name; });
  if (type == std::end(kTypes)) {
    return Invalid(absl::StrCat("dtype '", absl::CHexEscape(type_name), "' is not supported"));
  }
  tensor.dtype = type->dtype;
  int64_t bytes;
  if (tensor.shape.size() > kMaxDimensions || !ByteCount(tensor.shape, tensor.dtype, &bytes)) {
    return Invalid(absl::StrCat("bad shape ", tensor.ShapeString()));
  }
  *range = {offsets[0], offsets[1], ""};
  if (range->begin > range->end || range->end > static_cast<int64_t>(data.size())) {
    return Invalid(absl::StrCat("bytes ", range->begin, " to ", range->end,
                                " lie outside the file's ", data.size(), " bytes of data"));
  }
  if (range->end - range->begin != bytes) {
    return Invalid(absl::StrCat("it has ", range->end - range->begin, " bytes, but ", type_name,
                                " ", tensor.ShapeString(), " takes ", bytes));
  }
  tensor.data = data.data() + range->begin;
  return tensor;
}

// Checks that every byte of the data belongs to exactly one tensor, as the format requires.
absl::Status CheckRanges(std::vector<Range> ranges, int64_t size) {
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  int64_t at = 0;
  for (const Range& range : ranges) {
    if (range.begin != at) {
      return Invalid(absl::StrCat("tensor '", absl::CHexEscape(range.name), "' ",
                                  range.begin < at ? "overlaps another" : "follows a gap"));
    }
    at = range.end;
  }
  if (at != size) return Invalid(absl::StrCat(size - at, " bytes belong to no tensor"));
  return absl::OkStatus();
}

absl::Status Read(absl::string_view bytes, ParsedFile* file) {
  if (bytes.size() < sizeof(uint64_t)) return Invalid("cut short in its header");
  const uint64_t header_size = LoadLittle<uint64_t>(bytes.data());
  bytes.remove_prefix(sizeof(uint64_t));
  if (header_size > kMaxHeader) {
    return Invalid(absl::StrCat("a header of ", header_size, " bytes is longer than ", kMaxHeader,
                                ": not a safetensors file?"));
  }
  if (header_size > bytes.size()) return Invalid("cut short in its header");
  ASSIGN_OR_RETURN(const Json header, ParseHeader(bytes.substr(0, header_size)));
  const absl::string_view data = bytes.substr(header_size);
  std::vector<Range> ranges;
  for (const auto& [name, entry] : header.items()) {
    if (name.size() > kMaxNameLength) return Invalid("a name is too long");
    if (name == "__metadata__") {
      for (const auto& [key, value] : entry.items()) {
        if (value.is_string()) file->string_map.emplace(key, value.get<std::string>());
      }
      continue;
    }
    Range range;
    absl::StatusOr<TensorView> tensor = MakeTensor(entry, data, &range);
    if (!tensor.ok()) {
      return Invalid(
          absl::StrCat("tensor '", absl::CHexEscape(name), "': ", tensor.status().message()));
    }
    const auto [added, fresh] = file->tensor_map.emplace(name, *std::move(tensor));
    range.name = added->first;
    ranges.push_back(range);
  }
  return CheckRanges(std::move(ranges), static_cast<int64_t>(data.size()));
}

absl::Status Parse(absl::string_view bytes, ParsedFile* file) {
  absl::Status status = Read(bytes, file);
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(file->file_name, ": ", status.message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TensorFile>> TensorFile::OpenSafetensors(const std::string& path) {
  auto file = std::make_unique<ParsedFile>(path);
  ASSIGN_OR_RETURN(file->mapping, MappedFile::Open(path));
  RETURN_IF_ERROR(Parse(file->mapping->bytes(), file.get()));
  return file;
}

absl::StatusOr<std::unique_ptr<TensorFile>> TensorFile::ParseSafetensors(absl::string_view bytes,
                                                                         const std::string& name) {
  auto file = std::make_unique<ParsedFile>(name);
  RETURN_IF_ERROR(Parse(bytes, file.get()));
  return file;
}

}  // namespace vidmuse
