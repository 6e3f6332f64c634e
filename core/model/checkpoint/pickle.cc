#include "core/model/checkpoint/pickle.h"

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/status_macros.h"
#include "core/model/checkpoint/pickle_globals.h"
#include "core/model/checkpoint/pickle_opcodes.h"
#include "core/model/checkpoint/unpickler.h"

namespace vidmuse {

using namespace pickle_opcodes;

namespace {

constexpr size_t kMaxValues = 1000000;
constexpr size_t kMaxStack = 1000000;

}  // namespace

absl::StatusOr<Pickle> Unpickler::Run() {
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
  pickle_.size = at_;
  return std::move(pickle_);
}

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
    case kLong1: {
      ASSIGN_OR_RETURN(const uint8_t size, TakeNumber<uint8_t>());
      return PushLong(size);
    }
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
    case kNewObj:
      if (skips_others()) return NewObject();
      break;
    case kLong4:
      if (skips_others()) {
        ASSIGN_OR_RETURN(const uint32_t size, TakeNumber<uint32_t>());
        return PushLong(size);
      }
      break;
    default:
      break;
  }
  return Invalid(absl::StrFormat("opcode 0x%02x is not allowed", opcode));
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
  if (container->kind != kind && container->kind != Kind::kOpaque) {
    return Invalid(absl::StrCat("items for a ", PickleKindName(kind), " are given to a ",
                                PickleKindName(container->kind)));
  }
  container->items.insert(container->items.end(), items.begin(), items.end());
  return absl::OkStatus();
}

absl::Status Unpickler::PushLong(size_t size) {
  ASSIGN_OR_RETURN(const absl::string_view bytes, Take(size));
  if (size > sizeof(int64_t)) {
    if (skips_others()) return PushOpaque("int");
    return Invalid("an integer does not fit in 64 bits");
  }
  const bool negative = size > 0 && static_cast<int8_t>(bytes.back()) < 0;
  int64_t value = negative ? -1 : 0;
  std::memcpy(&value, bytes.data(), size);
  return PushInteger(Kind::kInt, value);
}

absl::Status Unpickler::PushFloat() {
  ASSIGN_OR_RETURN(const absl::string_view bytes, Take(sizeof(double)));
  // The pickle's only number whose first byte is the highest.
  std::string reversed(bytes.rbegin(), bytes.rend());
  Push(Kind::kFloat)->real = LoadLittle<double>(reversed.data());
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
  if (const std::optional<PickleGlobal> global = FindPickleGlobal(full)) {
    PickleValue* value = Push(Kind::kGlobal);
    value->text = global->name;
    value->is_storage_class = global->dtype.has_value();
    value->dtype = global->dtype.value_or(DType::kFloat32);
    return absl::OkStatus();
  }
  if (skips_others()) return PushOpaque(full);
  return Invalid(
      absl::StrCat("'", absl::CHexEscape(full),
                   "' is not allowed: only tensors, strings, numbers and containers are read"));
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

const char* PickleKindName(PickleValue::Kind kind) {
  using Kind = PickleValue::Kind;
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
    case Kind::kOpaque:
      return "Python object";
  }
  return "value";
}

absl::StatusOr<Pickle> ParsePickle(absl::string_view bytes, OtherValues other) {
  return Unpickler(bytes, other).Run();
}

}  // namespace vidmuse
