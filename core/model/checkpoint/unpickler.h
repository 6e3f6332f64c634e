// The machine that a pickle is a program for. It makes values, and calls nothing.
#ifndef VIDMUSE_MODEL_CHECKPOINT_UNPICKLER_H_
#define VIDMUSE_MODEL_CHECKPOINT_UNPICKLER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/status_macros.h"
#include "core/model/checkpoint/little_endian.h"
#include "core/model/checkpoint/pickle.h"

namespace vidmuse {

// Limits on a pickle. Published ones stay far below them.
inline constexpr size_t kMaxPickleBytes = 16 << 20;
inline constexpr size_t kMaxGlobalLength = 256;

// Marks where a list of values begins on the stack. It isn't a value itself.
inline constexpr PickleValue* kMarkOnStack = nullptr;

class Unpickler {
 public:
  Unpickler(absl::string_view bytes, OtherValues other)
      : bytes_(bytes.substr(0, kMaxPickleBytes)),
        limited_(bytes.size() > kMaxPickleBytes),
        other_(other) {}

  absl::StatusOr<Pickle> Run();

 private:
  using Kind = PickleValue::Kind;

  absl::Status Invalid(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat("pickle, byte ", at_, ": ", what));
  }

  absl::StatusOr<absl::string_view> Take(size_t size) {
    if (size > bytes_.size() - at_) {
      return Invalid(limited_ ? absl::StrCat("it has more than ", kMaxPickleBytes, " bytes")
                              : "cut short");
    }
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
  absl::Status PushLong(size_t size);
  absl::Status PushFloat();
  absl::Status PushString();
  absl::Status PushGlobal();
  absl::Status PushStorage();
  absl::Status Memoize(uint32_t index);
  absl::Status Recall(uint32_t index);
  absl::Status Reduce();
  absl::Status NewObject();
  bool skips_others() const { return other_ == OtherValues::kSkip; }
  // Pushes a value of which only the name and what it was made from are known.
  absl::Status PushOpaque(absl::string_view name, std::vector<const PickleValue*> items = {});
  absl::Status RebuildTensor(const std::vector<const PickleValue*>& arguments);
  absl::Status Build();

  const absl::string_view bytes_;
  const bool limited_;  // the bytes go on after bytes_
  const OtherValues other_;
  size_t at_ = 0;
  Pickle pickle_;
  std::vector<PickleValue*> stack_;
  absl::flat_hash_map<uint32_t, PickleValue*> memo_;
  absl::flat_hash_map<std::string, size_t> names_;  // places in pickle_.names
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CHECKPOINT_UNPICKLER_H_
