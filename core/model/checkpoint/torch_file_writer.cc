#include "core/model/checkpoint/torch_file_writer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/checkpoint/little_endian.h"

namespace vidmuse {
namespace {

constexpr absl::string_view kEmptyOrderedDict = "ccollections\nOrderedDict\n)R";

std::string PickledString(absl::string_view text) {
  std::string out = "X";
  AppendLittle<uint32_t>(static_cast<uint32_t>(text.size()), &out);
  return absl::StrCat(out, text);
}

std::string PickledInt(int64_t value) {
  std::string out;
  if (value == static_cast<int32_t>(value)) {
    out.push_back('J');
    AppendLittle<int32_t>(static_cast<int32_t>(value), &out);
  } else {
    out.append("\x8a\x08");
    AppendLittle<int64_t>(value, &out);
  }
  return out;
}

std::string PickledTuple(const std::vector<int64_t>& values) {
  std::string out = "(";
  for (const int64_t value : values) absl::StrAppend(&out, PickledInt(value));
  out.push_back('t');
  return out;
}

absl::string_view StorageClass(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return "FloatStorage";
    case DType::kFloat16:
      return "HalfStorage";
    case DType::kBFloat16:
      return "BFloat16Storage";
    case DType::kFloat64:
      return "DoubleStorage";
    case DType::kInt64:
      return "LongStorage";
    case DType::kInt32:
      return "IntStorage";
    case DType::kInt16:
      return "ShortStorage";
    case DType::kInt8:
      return "CharStorage";
    case DType::kUint8:
      return "ByteStorage";
    case DType::kBool:
      return "BoolStorage";
  }
  return "";
}

// Pickles the call torch._utils._rebuild_tensor_v2(('storage', class, key, 'cpu', elements), 0,
// shape, strides, False, {}).
std::string PickledTensor(const TensorView& tensor, const std::string& key) {
  std::vector<int64_t> strides(tensor.shape.size());
  int64_t stride = 1;
  for (size_t i = strides.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= tensor.shape[i];
  }
  return absl::StrCat("ctorch._utils\n_rebuild_tensor_v2\n((", PickledString("storage"), "ctorch\n",
                      StorageClass(tensor.dtype), "\n", PickledString(key), PickledString("cpu"),
                      PickledInt(tensor.elements()), "tQ", PickledInt(0),
                      PickledTuple(tensor.shape), PickledTuple(strides), "\x89", kEmptyOrderedDict,
                      "tR");
}

}  // namespace

absl::StatusOr<std::unique_ptr<TorchFileWriter>> TorchFileWriter::Create(const std::string& path) {
  ASSIGN_OR_RETURN(std::unique_ptr<ZipWriter> zip, ZipWriter::Create(path));
  return std::unique_ptr<TorchFileWriter>(new TorchFileWriter(std::move(zip)));
}

absl::Status TorchFileWriter::AddPickled(absl::string_view name, absl::string_view value) {
  const size_t slash = name.find('/');
  const bool nested = slash != absl::string_view::npos;
  const absl::string_view dict = nested ? name.substr(0, slash) : "";
  // The outer dict can't have a value and a dict under the same key.
  if (!names_.emplace(name).second ||
      (nested ? names_.count(std::string(dict)) : items_.count(std::string(name)))) {
    return absl::InvalidArgumentError(absl::StrCat("'", name, "' is there twice"));
  }
  absl::StrAppend(&items_[std::string(dict)], PickledString(nested ? name.substr(slash + 1) : name),
                  value);
  return absl::OkStatus();
}

absl::Status TorchFileWriter::AddTensor(absl::string_view name, const TensorView& tensor) {
  const std::string key = absl::StrCat(storages_++);
  RETURN_IF_ERROR(AddPickled(name, PickledTensor(tensor, key)));
  const auto bytes = static_cast<size_t>(tensor.elements()) * DTypeSize(tensor.dtype);
  return zip_->Add(absl::StrCat("archive/data/", key),
                   {static_cast<const char*>(tensor.data), bytes});
}

absl::Status TorchFileWriter::AddString(absl::string_view name, absl::string_view text) {
  return AddPickled(name, PickledString(text));
}

absl::Status TorchFileWriter::Finish() {
  std::string pickle("\x80\x02}(", 4);
  for (const auto& [dict, items] : items_) {
    if (dict.empty()) {
      pickle += items;
    } else {
      absl::StrAppend(&pickle, PickledString(dict), kEmptyOrderedDict, "(", items, "u");
    }
  }
  pickle += "u.";
  RETURN_IF_ERROR(zip_->Add("archive/data.pkl", pickle));
  RETURN_IF_ERROR(zip_->Add("archive/byteorder", "little"));
  RETURN_IF_ERROR(zip_->Add("archive/version", "3\n"));
  return zip_->Finish();
}

}  // namespace vidmuse
