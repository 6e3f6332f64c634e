// Parses the part of Python's pickle format that torch.save writes. No code is executed: the names
// of a fixed list make tensors and dicts, and any other name is an error or, if the caller wants
// that, a value that nothing can be done with.
#ifndef VIDMUSE_MODEL_CHECKPOINT_PICKLE_H_
#define VIDMUSE_MODEL_CHECKPOINT_PICKLE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/model/checkpoint/tensor_file.h"

namespace vidmuse {

// One Python value. Containers refer to other values, and may even contain themselves.
struct PickleValue {
  enum class Kind {
    kNone,
    kBool,
    kInt,
    kFloat,
    kString,
    kTuple,
    kList,
    kDict,    // also an OrderedDict
    kGlobal,  // a name from the fixed list, not yet called
    kStorage,
    kTensor,
    kOpaque,  // a name that isn't on the list, or what it was called to make
  };

  Kind kind = Kind::kNone;
  // kBool and kInt: the value. kStorage and kTensor: the number of elements of the storage.
  int64_t integer = 0;
  double real = 0;  // kFloat
  // kString, kGlobal and kOpaque: the text. kStorage and kTensor: the storage's key.
  absl::string_view text;
  // kStorage and kTensor: the element type. kGlobal: the element type of a storage class.
  DType dtype = DType::kFloat32;
  bool is_storage_class = false;  // only kGlobal
  // kTuple and kList: the items. kDict: key, value, key, value, ... kOpaque: the arguments, the
  // state and the items that it was given, in any order.
  std::vector<const PickleValue*> items;
  // kTensor: the offset in the storage, in elements.
  int64_t offset = 0;
  // kTensor: the shape and the strides, in elements, up to 8 each. They are not checked.
  std::vector<int64_t> shape, strides;
};

const char* PickleKindName(PickleValue::Kind kind);

// A parsed pickle. Its values' texts point into the parsed bytes, or into `names`.
struct Pickle {
  std::deque<PickleValue> values;
  std::deque<std::string> names;  // of opaque values
  size_t size = 0;                // number of bytes, of which the last ends the pickle
  const PickleValue* root = nullptr;
};

// Parses the protocol 2 pickle that `bytes` begin with. INVALID_ARGUMENT says what isn't allowed
// and at which byte. Memory and time grow linearly with the pickle, which may have up to 16 MiB and
// a million values.
absl::StatusOr<Pickle> ParsePickle(absl::string_view bytes,
                                   OtherValues other = OtherValues::kRefuse);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CHECKPOINT_PICKLE_H_
