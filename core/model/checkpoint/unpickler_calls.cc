// What stands for calls and objects in a pickle: tensors, their storages, and opaque values.
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/checkpoint/parsed_file.h"
#include "core/model/checkpoint/pickle_globals.h"
#include "core/model/checkpoint/unpickler.h"

namespace vidmuse {

absl::Status Unpickler::PushOpaque(absl::string_view name, std::vector<const PickleValue*> items) {
  const auto known = names_.emplace(name, pickle_.names.size());
  if (known.second) pickle_.names.emplace_back(name);
  PickleValue* value = Push(Kind::kOpaque);
  value->text = pickle_.names[known.first->second];
  value->items = std::move(items);
  return absl::OkStatus();
}

// Pushes the storage of a persistent id: ('storage', class, key, device, elements). In the legacy
// format a sixth item follows, which is None since version 0.4, as storages share no memory.
absl::Status Unpickler::PushStorage() {
  ASSIGN_OR_RETURN(const PickleValue* id, Pop());
  const bool is_tuple = id->kind == Kind::kTuple && !id->items.empty();
  // ('module', class, file name, source code) in the legacy format: the class of a whole module.
  if (skips_others() && is_tuple && id->items[0]->text == "module") return PushOpaque("module");
  if (!is_tuple || id->items.size() < 5 || id->items.size() > 6 ||
      (id->items.size() == 6 && id->items[5]->kind != Kind::kNone) ||
      id->items[0]->text != "storage" || id->items[2]->kind != Kind::kString ||
      id->items[4]->kind != Kind::kInt) {
    return Invalid("a persistent id that is not a tensor storage");
  }
  const PickleValue& storage_class = *id->items[1];
  if (storage_class.kind == Kind::kOpaque) return PushOpaque(storage_class.text);
  if (storage_class.kind != Kind::kGlobal) {
    return Invalid("a persistent id that is not a tensor storage");
  }
  if (!storage_class.is_storage_class) {
    return Invalid(absl::StrCat("'", storage_class.text, "' is not a storage class"));
  }
  PickleValue* storage = Push(Kind::kStorage);
  storage->dtype = storage_class.dtype;
  storage->text = id->items[2]->text;
  storage->integer = id->items[4]->integer;
  return absl::OkStatus();
}

absl::Status Unpickler::Reduce() {
  ASSIGN_OR_RETURN(const PickleValue* arguments, Pop());
  ASSIGN_OR_RETURN(const PickleValue* callee, Pop());
  if (callee->kind == Kind::kOpaque) return PushOpaque(callee->text, {arguments});
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
    if (arguments->items.size() == 3 && arguments->items[0]->kind == Kind::kOpaque) {
      return PushOpaque(arguments->items[0]->text);
    }
    if (arguments->items.size() != 3 || arguments->items[0]->kind != Kind::kTensor) {
      return Invalid("bad arguments of torch._utils._rebuild_parameter");
    }
    PickleValue tensor = *arguments->items[0];
    *Push(Kind::kTensor) = std::move(tensor);
    return absl::OkStatus();
  }
  return Invalid(absl::StrCat("'", callee->text, "' is called"));
}

absl::Status Unpickler::NewObject() {
  ASSIGN_OR_RETURN(const PickleValue* arguments, Pop());
  ASSIGN_OR_RETURN(const PickleValue* type, Pop());
  if (type->kind == Kind::kOpaque) return PushOpaque(type->text, {arguments});
  return Invalid(absl::StrCat("a ", PickleKindName(type->kind), " is called"));
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
  if (!arguments.empty() && arguments[0]->kind == Kind::kOpaque) {
    return PushOpaque(arguments[0]->text);  // a tensor of a type that isn't known
  }
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
  ASSIGN_OR_RETURN(PickleValue * object, Top());
  if (object->kind == Kind::kOpaque) {
    object->items.push_back(state);
    return absl::OkStatus();
  }
  if (object->kind != Kind::kDict || state->kind != Kind::kDict) {
    return Invalid(absl::StrCat("attributes are given to a ", PickleKindName(object->kind)));
  }
  return absl::OkStatus();
}

}  // namespace vidmuse
