// The part of Python's pickle format that torch.save writes for tensors in containers. Nothing
// executes: a name outside a fixed list is an error, and the listed ones only make values.
#ifndef VIDMUSE_MODEL_CHECKPOINT_PICKLE_H_
#define VIDMUSE_MODEL_CHECKPOINT_PICKLE_H_

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/model/checkpoint/tensor_file.h"

namespace vidmuse {

// One Python value. Containers refer to others, possibly in circles (a list may hold itself).
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
  };

  Kind kind = Kind::kNone;
  int64_t integer = 0;                    // kBool, kInt; kStorage, kTensor: elements of the storage
  absl::string_view text;                 // kString, kGlobal; kStorage, kTensor: the storage's key
  DType dtype = DType::kFloat32;          // kStorage, kTensor; kGlobal: of a storage class
  std::vector<const PickleValue*> items;  // kTuple, kList; kDict: key, value, key, value, ...
  int64_t offset = 0;                     // kTensor, in elements
  std::vector<int64_t> shape, strides;    // kTensor, in elements, up to 8 each; not checked
};

const char* PickleKindName(PickleValue::Kind kind);

// A parsed pickle. Its values' texts point into the parsed bytes.
struct Pickle {
  std::deque<PickleValue> values;
  const PickleValue* root = nullptr;
};

// Reads a protocol 2 pickle. INVALID_ARGUMENT says what isn't allowed and at which byte. Memory and
// time grow linearly with the pickle, which may have up to 16 MiB and a million values.
absl::StatusOr<Pickle> ParsePickle(absl::string_view bytes);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CHECKPOINT_PICKLE_H_
