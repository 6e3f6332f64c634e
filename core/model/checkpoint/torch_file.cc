// Reads torch.save's files. In a zip file `X/data.pkl` describes the values, and `X/data/KEY` is
// storage KEY.
#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "core/base/status_macros.h"
#include "core/model/checkpoint/legacy_torch_file.h"
#include "core/model/checkpoint/parsed_file.h"
#include "core/model/checkpoint/pickle.h"
#include "core/model/checkpoint/zip_directory.h"

namespace vidmuse {
namespace {

constexpr int kMaxDepth = 16;
constexpr absl::string_view kPickleName = "data.pkl";
constexpr absl::string_view kFraction = "fractions.Fraction";

absl::Status Invalid(absl::string_view what) { return absl::InvalidArgumentError(what); }

// The arguments are ("39/5",) or (39, 5), as Python's version has it.
std::optional<double> FractionOf(const std::vector<const PickleValue*>& arguments) {
  int64_t above = 0, below = 0;
  if (arguments.size() == 1 && arguments[0]->kind == PickleValue::Kind::kString) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(arguments[0]->text, absl::MaxSplits('/', 1));
    if (!absl::SimpleAtoi(parts.first, &above)) return std::nullopt;
    below = 1;
    if (!parts.second.empty() && !absl::SimpleAtoi(parts.second, &below)) return std::nullopt;
  } else if (arguments.size() == 2 && arguments[0]->kind == PickleValue::Kind::kInt &&
             arguments[1]->kind == PickleValue::Kind::kInt) {
    above = arguments[0]->integer;
    below = arguments[1]->integer;
  }
  if (below <= 0) return std::nullopt;
  return static_cast<double>(above) / static_cast<double>(below);
}

// Returns nothing for what isn't a number.
std::optional<double> NumberOf(const PickleValue& value) {
  switch (value.kind) {
    case PickleValue::Kind::kBool:
    case PickleValue::Kind::kInt:
      return static_cast<double>(value.integer);
    case PickleValue::Kind::kFloat:
      return value.real;
    case PickleValue::Kind::kOpaque:
      if (value.text == kFraction && value.items.size() == 1 &&
          value.items[0]->kind == PickleValue::Kind::kTuple) {
        return FractionOf(value.items[0]->items);
      }
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

class TorchReader {
 public:
  TorchReader(absl::string_view bytes, OtherValues other, ParsedFile* file)
      : bytes_(bytes),
        other_(other),
        file_(file),
        copy_budget_(static_cast<int64_t>(bytes.size())) {}

  absl::Status Read() {
    ASSIGN_OR_RETURN(const Pickle pickle, IsLegacyTorchFile(bytes_) ? ReadLegacy() : ReadZip());
    if (pickle.root->kind != PickleValue::Kind::kDict) {
      return Invalid(
          absl::StrCat("it holds a ", PickleKindName(pickle.root->kind), ", not a dict"));
    }
    return AddDict(*pickle.root, "", 0);
  }

 private:
  absl::StatusOr<Pickle> ReadLegacy() {
    ASSIGN_OR_RETURN(LegacyTorchFile legacy, ReadLegacyTorchFile(bytes_, other_));
    storages_ = std::move(legacy.storages);
    return std::move(legacy.pickle);
  }

  absl::StatusOr<Pickle> ReadZip() {
    ASSIGN_OR_RETURN(storages_, ReadZipDirectory(bytes_));
    RETURN_IF_ERROR(FindRoot());
    const auto byte_order = storages_.find(root_ + "byteorder");
    if (byte_order != storages_.end() && byte_order->second != "little") {
      return Invalid(absl::StrCat("byte order '",
                                  absl::CHexEscape(byte_order->second.substr(0, 16)),
                                  "' is not supported, only 'little'"));
    }
    const absl::string_view pickle = storages_.at(root_ + std::string(kPickleName));
    root_ += "data/";
    return ParsePickle(pickle, other_);
  }

  // Finds the folder that all of the archive's entries are in, with its '/'.
  absl::Status FindRoot() {
    for (const auto& [name, contents] : storages_) {
      const size_t slash = name.find('/');
      if (slash != std::string::npos && absl::string_view(name).substr(slash + 1) == kPickleName) {
        root_ = name.substr(0, slash + 1);
        return absl::OkStatus();
      }
    }
    return Invalid("a zip file without data.pkl: torch.save did not write it");
  }

  absl::Status AddDict(const PickleValue& dict, const std::string& prefix, int depth) {
    if (depth > kMaxDepth) return Invalid("dicts are nested too deeply");
    for (size_t i = 0; i + 1 < dict.items.size(); i += 2) {
      const PickleValue& key = *dict.items[i];
      const PickleValue& value = *dict.items[i + 1];
      RETURN_IF_ERROR(CountVisit());
      if (key.kind != PickleValue::Kind::kString) continue;
      if (prefix.size() + key.text.size() >= kMaxNameLength) return Invalid("a name is too long");
      const std::string name = absl::StrCat(prefix, key.text);
      switch (value.kind) {
        case PickleValue::Kind::kDict:
          RETURN_IF_ERROR(AddDict(value, name + "/", depth + 1));
          break;
        case PickleValue::Kind::kTensor:
          RETURN_IF_ERROR(AddTensor(name, value));
          break;
        case PickleValue::Kind::kList:
        case PickleValue::Kind::kTuple:
          RETURN_IF_ERROR(AddList(value, name));
          break;
        default:
          RETURN_IF_ERROR(AddPlain(name, value));
      }
    }
    return absl::OkStatus();
  }

  // A dict may occur in many places, so the walk is limited too, not just the number of values.
  absl::Status CountVisit() {
    if (++visited_ > kMaxNames) return Invalid(absl::StrCat("more than ", kMaxNames, " names"));
    return absl::OkStatus();
  }

  absl::Status AddList(const PickleValue& list, const std::string& name) {
    if (list.items.size() > TensorFile::kMaxListed) return absl::OkStatus();
    for (size_t i = 0; i < list.items.size(); ++i) {
      RETURN_IF_ERROR(CountVisit());
      RETURN_IF_ERROR(AddPlain(absl::StrCat(name, "/", i), *list.items[i]));
    }
    return absl::OkStatus();
  }

  // Adds a string or number, and leaves other values out.
  absl::Status AddPlain(const std::string& name, const PickleValue& value) {
    if (value.kind == PickleValue::Kind::kString) return AddString(name, value.text);
    const std::optional<double> number = NumberOf(value);
    if (number.has_value() && !file_->number_map.emplace(name, *number).second) return Twice(name);
    return absl::OkStatus();
  }

  absl::Status AddString(const std::string& name, absl::string_view text) {
    string_bytes_ += text.size();
    if (string_bytes_ > bytes_.size()) return Invalid("its strings are longer than the file");
    if (!file_->string_map.emplace(name, text).second) return Twice(name);
    return absl::OkStatus();
  }

  absl::Status AddTensor(const std::string& name, const PickleValue& value) {
    absl::StatusOr<TensorView> tensor = MakeTensor(value);
    if (!tensor.ok()) {
      return Invalid(
          absl::StrCat("tensor '", absl::CHexEscape(name), "': ", tensor.status().message()));
    }
    if (!file_->tensor_map.emplace(name, *std::move(tensor)).second) return Twice(name);
    return absl::OkStatus();
  }

  static absl::Status Twice(absl::string_view name) {
    return Invalid(absl::StrCat("'", absl::CHexEscape(name), "' is there twice"));
  }

  absl::StatusOr<TensorView> MakeTensor(const PickleValue& value) {
    TensorView tensor;
    tensor.dtype = value.dtype;
    tensor.shape = value.shape;
    int64_t bytes;
    if (!ByteCount(tensor.shape, tensor.dtype, &bytes)) {
      return Invalid(absl::StrCat("bad shape ", tensor.ShapeString()));
    }
    ASSIGN_OR_RETURN(const absl::string_view storage, Storage(value));
    if (bytes == 0) {
      tensor.data = storage.data();
      return tensor;
    }
    // The last element's offset, which is the largest one.
    int64_t last = value.offset;
    bool overflow = value.offset < 0;
    for (size_t i = 0; i < tensor.shape.size(); ++i) {
      int64_t span = 0;
      overflow = overflow || value.strides[i] < 0 ||
                 __builtin_mul_overflow(tensor.shape[i] - 1, value.strides[i], &span) ||
                 __builtin_add_overflow(last, span, &last);
    }
    const int size = DTypeSize(tensor.dtype);
    if (overflow || last >= static_cast<int64_t>(storage.size()) / size) {
      return Invalid(absl::StrCat("shape ", tensor.ShapeString(), ", strides [",
                                  absl::StrJoin(value.strides, ", "), "] and offset ", value.offset,
                                  " reach outside its storage of ", storage.size(), " bytes"));
    }
    const char* first = storage.data() + value.offset * size;
    if (IsContiguous(value)) {
      tensor.data = first;
      return tensor;
    }
    if (bytes > copy_budget_) {
      return Invalid("tensors that are not contiguous are larger than the file");
    }
    copy_budget_ -= bytes;
    tensor.data = Copy(value, first, bytes);
    return tensor;
  }

  absl::StatusOr<absl::string_view> Storage(const PickleValue& value) const {
    const auto found = storages_.find(absl::StrCat(root_, value.text));
    if (found == storages_.end()) {
      return Invalid(absl::StrCat("its storage '", absl::CHexEscape(value.text), "' is missing"));
    }
    int64_t bytes;
    if (!ByteCount({value.integer}, value.dtype, &bytes) ||
        static_cast<uint64_t>(bytes) != found->second.size()) {
      return Invalid(absl::StrCat("its storage has ", found->second.size(), " bytes, not ",
                                  value.integer, " values of ", DTypeName(value.dtype)));
    }
    return found->second;
  }

  static bool IsContiguous(const PickleValue& value) {
    int64_t expected = 1;
    for (size_t i = value.shape.size(); i-- > 0;) {
      if (value.shape[i] != 1 && value.strides[i] != expected) return false;
      expected *= value.shape[i];
    }
    return true;
  }

  // Makes a row-major copy of a strided tensor. The ParsedFile owns it.
  const char* Copy(const PickleValue& value, const char* first, int64_t bytes) {
    const int size = DTypeSize(value.dtype);
    const size_t dimensions = value.shape.size();
    std::unique_ptr<char[]> copy(new char[bytes]);
    std::vector<int64_t> index(dimensions, 0);
    int64_t at = 0;
    for (int64_t out = 0; out < bytes; out += size) {
      std::copy_n(first + at * size, size, copy.get() + out);
      for (size_t d = dimensions; d-- > 0;) {
        if (value.shape[d] == 1) continue;  // its stride may be any number
        at += value.strides[d];
        if (++index[d] < value.shape[d]) break;
        at -= value.strides[d] * value.shape[d];
        index[d] = 0;
      }
    }
    file_->copies.push_back(std::move(copy));
    return file_->copies.back().get();
  }

  const absl::string_view bytes_;
  const OtherValues other_;
  ParsedFile* const file_;
  // The contents by name, which is root_ and the key for a storage. A zip file has others too.
  std::map<std::string, absl::string_view> storages_;
  std::string root_;
  size_t visited_ = 0;
  size_t string_bytes_ = 0;
  int64_t copy_budget_;  // number of bytes that may still be copied
};

absl::Status Parse(absl::string_view bytes, OtherValues other, ParsedFile* file) {
  absl::Status status = TorchReader(bytes, other, file).Read();
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(file->file_name, ": ", status.message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TensorFile>> TensorFile::OpenTorch(const std::string& path,
                                                                  OtherValues other) {
  auto file = std::make_unique<ParsedFile>(path);
  ASSIGN_OR_RETURN(file->mapping, MappedFile::Open(path));
  RETURN_IF_ERROR(Parse(file->mapping->bytes(), other, file.get()));
  return file;
}

absl::StatusOr<std::unique_ptr<TensorFile>> TensorFile::ParseTorch(absl::string_view bytes,
                                                                   const std::string& name,
                                                                   OtherValues other) {
  auto file = std::make_unique<ParsedFile>(name);
  RETURN_IF_ERROR(Parse(bytes, other, file.get()));
  return file;
}

}  // namespace vidmuse
