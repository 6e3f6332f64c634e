// The types of values that flags take: how --help describes them, how they are read and written.
#ifndef VIDMUSE_BASE_FLAG_TYPE_H_
#define VIDMUSE_BASE_FLAG_TYPE_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace vidmuse {

template <typename T>
struct FlagType {
  std::string description;  // for --help
  // Fails with INVALID_ARGUMENT, quoting the text, if the text is not a value of this type.
  std::function<absl::StatusOr<T>(absl::string_view)> parse;
  // The inverse of `parse`. Empty for a value that stands for "not set".
  std::function<std::string(const T&)> format;
};

// Any text.
FlagType<std::string> TextType();
// Any text but the empty one.
FlagType<std::string> NonEmptyTextType();
// A file's name, which is not empty.
FlagType<std::string> FileType();
// One of `choices`, or the empty text.
FlagType<std::string> ChoiceType(std::vector<std::string> choices);
// "host:port", and also the empty text if `may_be_empty` is set.
FlagType<std::string> AddressType(bool may_be_empty);
// One or more texts joined by commas, none of them empty.
FlagType<std::vector<std::string>> ListType();
// "true" or "false".
FlagType<bool> BoolType();

// A number in [low, high]. T is int, int64_t, uint32_t, uint64_t, float or double.
template <typename T>
FlagType<T> NumberType(T low, T high);
// Any number of type T, but neither NaN nor infinite.
template <typename T>
FlagType<T> NumberType();

// A value of `type`, or none, which can't be written as text.
template <typename T>
FlagType<std::optional<T>> OptionalType(FlagType<T> type) {
  FlagType<std::optional<T>> optional{type.description, type.parse, nullptr};
  optional.format = [format = std::move(type.format)](const std::optional<T>& value) {
    return value.has_value() ? format(*value) : std::string();
  };
  return optional;
}

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_FLAG_TYPE_H_
