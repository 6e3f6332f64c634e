#include "core/model/checkpoint/pickle.h"

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/status_macros.h"
#include "core/model/checkpoint/little_endian.h"
#include "core/model/checkpoint/parsed_file.h"

namespace vidmuse {
namespace {

using Kind = PickleValue::Kind;

constexpr size_t kMaxBytes = 16 << 20;
constexpr size_t kMaxValues = 1000000;
constexpr size_t kMaxStack = 1000000;
constexpr size_t kMaxGlobalLength = 256;

constexpr absl::string_view kOrderedDict = "collections.OrderedDict";
constexpr absl::string_view kRebuildTensor = "torch._utils._rebuild_tensor_v2";
constexpr absl::string_view kRebuildParameter = "torch._utils._rebuild_parameter";

struct StorageClass {
  absl::string_view name;
  DType dtype;
};

constexpr StorageClass kStorageClasses[] = {
    {"torch.FloatStorage", DType::kFloat32},     {"torch.HalfStorage", DType::kFloat16},
    {"torch.BFloat16Storage", DType::kBFloat16}, {"torch.DoubleStorage", DType::kFloat64},
    {"torch.LongStorage", DType::kInt64},        {"torch.IntStorage", DType::kInt32},
    {"torch.ShortStorage", DType::kInt16},       {"torch.CharStorage", DType::kInt8},
    {"torch.ByteStorage", DType::kUint8},        {"torch.BoolStorage", DType::kBool},
};

// Opcodes, named as in Python's pickle.py.
enum Opcode : uint8_t {
  kMark = '(',
  kStop = '.',
  kBinFloat = 'G',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersId = 'Q',
  kReduce = 'R',
  kBinUnicode = 'X',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kEmptyList = ']',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kEmptyTuple = ')',
  kSetItems = 'u',
  kEmptyDict = '}',
  kProto = 0x80,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
};

// Marks where a list of values begins on the stack. It isn't a value itself.
constexpr PickleValue* kMarkOnStack = nullptr;

class Unpickler {
 public:
  explicit Unpickler(absl::string_view bytes) : bytes_(bytes) {}

  absl::StatusOr<Pickle> Run() {
    if (bytes_.size() > kMaxBytes) {
      return Invalid(absl::StrCat("it has ", bytes_.size(), " bytes, more than ", kMaxBytes));
    }
    ASSIGN_OR_RETURN(const absl::string_view start, Take(2));
    if (static_cast<uint8_t>(start[0]) != kProto || start[1] != 2) {
      return Invalid("it does not begin as a protocol 2 pickle");
    }
    for (;;) {
      ASSIGN_OR_RETURN(const uint8_t opcode, TakeNumber<uint8_t>());
      if (opcode == kStop) break;
      RETURN_IF_ERROR(Execute(opcode));
      if (stack_.size() > kMaxStack || pickle_.values.size() > kMaxValues) {
        return Invalid("it holds too many values");
      }
    }
    ASSIGN_OR_RETURN(pickle_.root, Pop());
    if (!stack_.empty()) return Invalid("values are left over at its end");
    return std::move(pickle_);
  }

 private:
  absl::Status Invalid(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat("pickle, byte ", at_, ": ", what));
  }

  absl::StatusOr<absl::string_view> Take(size_t size) {
    if (size > bytes_.size() - at_) return Invalid("cut short");
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }

  template <typename T>
  absl::StatusOr<T> TakeNumber() {
    ASSIGN_OR_RETURN(const absl::string_view bytes, Take(sizeof(T)));
    return LoadLittle<T>(bytes.data());
  }

  absl::StatusOr<absl::string_view> TakeLine() {
    const size_t length = bytes_.substr(at_, kMaxGlobalLength).find('\n');
    if (length == absl::string_view::npos) return Invalid("a name is cut short or too long");
    at_ += length + 1;
    return bytes_.substr(at_ - length - 1, length);
  }

  PickleValue* Push(Kind kind) {
    PickleValue& value = pickle_.values.emplace_back();
    value.kind = kind;
    stack_.push_back(&value);
    return &value;
  }

  absl::Status PushInteger(Kind kind, int64_t integer) {
    Push(kind)->integer = integer;
    return absl::OkStatus();
  }

  absl::StatusOr<PickleValue*> Top() const {
    if (stack_.empty() || stack_.back() == kMarkOnStack) return Invalid("a value is missing");
    return stack_.back();
  }

  absl::StatusOr<PickleValue*> Pop() {
    ASSIGN_OR_RETURN(PickleValue * value, Top());
    stack_.pop_back();
    return value;
  }

  // Removes the last mark and the values above it, and returns these values.
  absl::StatusOr<std::vector<const PickleValue*>> PopToMark() {
    size_t begin = stack_.size();
    while (begin > 0 && stack_[begin - 1] != kMarkOnStack) --begin;
    if (begin == 0) return Invalid("a mark is missing");
    std::vector<const PickleValue*> items(stack_.begin() + begin, stack_.end());
    stack_.resize(begin - 1);
    return items;
  }

  absl::Status Execute(uint8_t opcode);
  absl::Status ExecuteContainer(uint8_t opcode);
  absl::Status PushTuple(int size);
  absl::Status Extend(Kind kind, std::vector<const PickleValue*> items);
  absl::Status PushLong();
  absl::Status PushFloat();
  absl::Status PushString();
  absl::Status PushGlobal();
  absl::Status PushStorage();
  absl::Status Memoize(uint32_t index);
  absl::Status Recall(uint32_t index);
  absl::Status Reduce();
  absl::Status RebuildTensor(const std::vector<const PickleValue*>& arguments);
  absl::Status Build();

  const absl::string_view bytes_;
  size_t at_ = 0;
  Pickle pickle_;
  std::vector<PickleValue*> stack_;
  absl::flat_hash_map<uint32_t, PickleValue*> memo_;
};

absl::Status Unpickler::Execute(uint8_t opcode) {
  switch (opcode) {
    case kNone:
      return PushInteger(Kind::kNone, 0);
    case kNewTrue:
      return PushInteger(Kind::kBool, 1);
    case kNewFalse:
      return PushInteger(Kind::kBool, 0);
    case kBinInt: {
      ASSIGN_OR_RETURN(const int32_t value, TakeNumber<int32_t>());
      return PushInteger(Kind::kInt, value);
    }
    case kBinInt1: {
      ASSIGN_OR_RETURN(const uint8_t value, TakeNumber<uint8_t>());
      return PushInteger(Kind::kInt, value);
    }
    case kBinInt2: {
      ASSIGN_OR_RETURN(const uint16_t value, TakeNumber<uint16_t>());
      return PushInteger(Kind::kInt, value);
    }
    case kLong1:
      return PushLong();
    case kBinFloat:
      return PushFloat();
    case kBinUnicode:
      return PushString();
    case kGlobal:
      return PushGlobal();
    case kBinPersId:
      return PushStorage();
    case kReduce:
      return Reduce();
    case kBuild:
      return Build();
    case kBinPut: {
      ASSIGN_OR_RETURN(const uint8_t index, TakeNumber<uint8_t>());
      return Memoize(index);
    }
    case kLongBinPut: {
      ASSIGN_OR_RETURN(const uint32_t index, TakeNumber<uint32_t>());
      return Memoize(index);
    }
    case kBinGet: {
      ASSIGN_OR_RETURN(const uint8_t index, TakeNumber<uint8_t>());
      return Recall(index);
    }
    case kLongBinGet: {
      ASSIGN_OR_RETURN(const uint32_t index, TakeNumber<uint32_t>());
      return Recall(index);
    }
    default:
      return ExecuteContainer(opcode);
  }
}

absl::Status Unpickler::ExecuteContainer(uint8_t opcode) {
  switch (opcode) {
    case kMark:
      stack_.push_back(kMarkOnStack);
      return absl::OkStatus();
    case kEmptyTuple:
      return PushTuple(0);
    case kTuple1:
      return PushTuple(1);
    case kTuple2:
      return PushTuple(2);
    case kTuple3:
      return PushTuple(3);
    case kTuple: {
      ASSIGN_OR_RETURN(std::vector<const PickleValue*> items, PopToMark());
      Push(Kind::kTuple)->items = std::move(items);
      return absl::OkStatus();
    }
    case kEmptyList:
      Push(Kind::kList);
      return absl::OkStatus();
    case kEmptyDict:
      Push(Kind::kDict);
      return absl::OkStatus();
    case kAppend: {
      ASSIGN_OR_RETURN(const PickleValue* item, Pop());
      return Extend(Kind::kList, {item});
    }
    case kAppends: {
      ASSIGN_OR_RETURN(std::vector<const PickleValue*> items, PopToMark());
      return Extend(Kind::kList, std::move(items));
    }
    case kSetItem: {
      ASSIGN_OR_RETURN(const PickleValue* value, Pop());
      ASSIGN_OR_RETURN(const PickleValue* key, Pop());
      return Extend(Kind::kDict, {key, value});
    }
    case kSetItems: {
      ASSIGN_OR_RETURN(std::vector<const PickleValue*> items, PopToMark());
      if (items.size() % 2 != 0) return Invalid("a key has no value");
      return Extend(Kind::kDict, std::move(items));
    }
    default:
      return Invalid(absl::StrFormat("opcode 0x%02x is not allowed", opcode));
  }
}

absl::Status Unpickler::PushTuple(int size) {
  std::vector<const PickleValue*> items(size);
  for (int i = size - 1; i >= 0; --i) {
    ASSIGN_OR_RETURN(items[i], Pop());
  }
  Push(Kind::kTuple)->items = std::move(items);
  return absl::OkStatus();
}

absl::Status Unpickler::Extend(Kind kind, std::vector<const PickleValue*> items) {
  ASSIGN_OR_RETURN(PickleValue * container, Top());
  if (container->kind != kind) {
    return Invalid(absl::StrCat("items for a ", PickleKindName(kind), " are given to a ",
                                PickleKindName(container->kind)));
  }
  container->items.insert(container->items.end(), items.begin(), items.end());
  return absl::OkStatus();
}

absl::Status Unpickler::PushLong() {
  ASSIGN_OR_RETURN(const uint8_t size, TakeNumber<uint8_t>());
  ASSIGN_OR_RETURN(const absl::string_view bytes, Take(size));
  if (size > sizeof(int64_t)) return Invalid("an integer does not fit in 64 bits");
  const bool negative = size > 0 && static_cast<int8_t>(bytes.back()) < 0;
  int64_t value = negative ? -1 : 0;
  std::memcpy(&value, bytes.data(), size);
  return PushInteger(Kind::kInt, value);
}

absl::Status Unpickler::PushFloat() {
  // The value isn't needed, only its place on the stack.
  RETURN_IF_ERROR(Take(sizeof(double)).status());
  Push(Kind::kFloat);
  return absl::OkStatus();
}

absl::Status Unpickler::PushString() {
  ASSIGN_OR_RETURN(const uint32_t size, TakeNumber<uint32_t>());
  ASSIGN_OR_RETURN(const absl::string_view text, Take(size));
  Push(Kind::kString)->text = text;
  return absl::OkStatus();
}

absl::Status Unpickler::PushGlobal() {
  ASSIGN_OR_RETURN(const absl::string_view module, TakeLine());
  ASSIGN_OR_RETURN(const absl::string_view name, TakeLine());
  const std::string full = absl::StrCat(module, ".", name);
  for (const absl::string_view allowed : {kOrderedDict, kRebuildTensor, kRebuildParameter}) {
    if (full == allowed) {
      Push(Kind::kGlobal)->text = allowed;
      return absl::OkStatus();
    }
  }
  for (const StorageClass& storage : kStorageClasses) {
    if (full == storage.name) {
      PickleValue* value = Push(Kind::kGlobal);
      value->text = storage.name;
      value->dtype = storage.dtype;
      return absl::OkStatus();
    }
  }
  return Invalid(
      absl::StrCat("'", absl::CHexEscape(full),
                   "' is not allowed: only tensors, strings, numbers and containers are read"));
}

// Pushes the storage of a persistent id: ('storage', class, key, device, elements).
absl::Status Unpickler::PushStorage() {
  ASSIGN_OR_RETURN(const PickleValue* id, Pop());
  if (id->kind != Kind::kTuple || id->items.size() != 5 || id->items[0]->text != "storage" ||
      id->items[1]->kind != Kind::kGlobal || id->items[2]->kind != Kind::kString ||
      id->items[4]->kind != Kind::kInt) {
    return Invalid("a persistent id that is not a tensor storage");
  }
  const PickleValue& storage_class = *id->items[1];
  if (storage_class.text == kOrderedDict || storage_class.text == kRebuildTensor ||
      storage_class.text == kRebuildParameter) {
    return Invalid(absl::StrCat("'", storage_class.text, "' is not a storage class"));
  }
  PickleValue* storage = Push(Kind::kStorage);
  storage->dtype = storage_class.dtype;
  storage->text = id->items[2]->text;
  storage->integer = id->items[4]->integer;
  return absl::OkStatus();
}

absl::Status Unpickler::Memoize(uint32_t index) {
  ASSIGN_OR_RETURN(PickleValue * value, Top());
  memo_[index] = value;
  return absl::OkStatus();
}

absl::Status Unpickler::Recall(uint32_t index) {
  const auto found = memo_.find(index);
  if (found == memo_.end()) return Invalid(absl::StrCat("memo ", index, " was never stored"));
  stack_.push_back(found->second);
  return absl::OkStatus();
}

absl::Status Unpickler::Reduce() {
  ASSIGN_OR_RETURN(const PickleValue* arguments, Pop());
  ASSIGN_OR_RETURN(const PickleValue* callee, Pop());
  if (callee->kind != Kind::kGlobal || arguments->kind != Kind::kTuple) {
    return Invalid(absl::StrCat("a ", PickleKindName(callee->kind), " is called"));
  }
  if (callee->text == kOrderedDict) {
    if (!arguments->items.empty()) return Invalid("collections.OrderedDict with arguments");
    Push(Kind::kDict);
    return absl::OkStatus();
  }
  if (callee->text == kRebuildTensor) return RebuildTensor(arguments->items);
  if (callee->text == kRebuildParameter) {
    // The arguments are (tensor, requires_grad, hooks). The parameter is replaced by its tensor.
    if (arguments->items.size() != 3 || arguments->items[0]->kind != Kind::kTensor) {
      return Invalid("bad arguments of torch._utils._rebuild_parameter");
    }
    PickleValue tensor = *arguments->items[0];
    *Push(Kind::kTensor) = std::move(tensor);
    return absl::OkStatus();
  }
  return Invalid(absl::StrCat("'", callee->text, "' is called"));
}

// The arguments are (storage, offset, shape, strides, requires_grad, hooks[, metadata]).
absl::Status Unpickler::RebuildTensor(const std::vector<const PickleValue*>& arguments) {
  const auto numbers = [](const PickleValue& tuple, std::vector<int64_t>* out) {
    if (tuple.kind != Kind::kTuple || tuple.items.size() > kMaxDimensions) return false;
    for (const PickleValue* item : tuple.items) {
      if (item->kind != Kind::kInt) return false;
      out->push_back(item->integer);
    }
    return true;
  };
  PickleValue tensor;
  if (arguments.size() < 6 || arguments.size() > 7 || arguments[0]->kind != Kind::kStorage ||
      arguments[1]->kind != Kind::kInt || !numbers(*arguments[2], &tensor.shape) ||
      !numbers(*arguments[3], &tensor.strides) || tensor.shape.size() != tensor.strides.size()) {
    return Invalid("bad arguments of torch._utils._rebuild_tensor_v2");
  }
  tensor.kind = Kind::kTensor;
  tensor.dtype = arguments[0]->dtype;
  tensor.text = arguments[0]->text;
  tensor.integer = arguments[0]->integer;
  tensor.offset = arguments[1]->integer;
  *Push(Kind::kTensor) = std::move(tensor);
  return absl::OkStatus();
}

// A module's state dict comes with attributes ('_metadata'), which aren't needed.
absl::Status Unpickler::Build() {
  ASSIGN_OR_RETURN(const PickleValue* state, Pop());
  ASSIGN_OR_RETURN(const PickleValue* object, Top());
  if (object->kind != Kind::kDict || state->kind != Kind::kDict) {
    return Invalid(absl::StrCat("attributes are given to a ", PickleKindName(object->kind)));
  }
  return absl::OkStatus();
}

}  // namespace

const char* PickleKindName(PickleValue::Kind kind) {
  switch (kind) {
    case Kind::kNone:
      return "None";
    case Kind::kBool:
      return "bool";
    case Kind::kInt:
      return "int";
    case Kind::kFloat:
      return "float";
    case Kind::kString:
      return "string";
    case Kind::kTuple:
      return "tuple";
    case Kind::kList:
      return "list";
    case Kind::kDict:
      return "dict";
    case Kind::kGlobal:
      return "global";
    case Kind::kStorage:
      return "storage";
    case Kind::kTensor:
      return "tensor";
  }
  return "value";
}

absl::StatusOr<Pickle> ParsePickle(absl::string_view bytes) { return Unpickler(bytes).Run(); }

}  // namespace vidmuse
