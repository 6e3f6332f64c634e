#include "core/base/flag_type.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace vidmuse {
namespace {

std::string Unchanged(const std::string& text) { return text; }

absl::Status Error(absl::string_view text, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" ", what));
}

bool IsAddress(absl::string_view text) {
  const size_t colon = text.rfind(':');
  int port = 0;
  return colon != absl::string_view::npos && colon > 0 &&
         absl::SimpleAtoi(text.substr(colon + 1), &port) && port >= 0 && port <= 65535;
}

template <typename T>
absl::StatusOr<T> ParseNumber(absl::string_view text) {
  T value{};
  if constexpr (std::is_same_v<T, float>) {
    if (absl::SimpleAtof(text, &value)) return value;
  } else if constexpr (std::is_same_v<T, double>) {
    if (absl::SimpleAtod(text, &value)) return value;
  } else {
    if (absl::SimpleAtoi(text, &value)) return value;
    return Error(text, "is not a number of type integer");
  }
  return Error(text, "is not a number");
}

template <typename T>
constexpr const char* NumberName() {
  return std::is_floating_point_v<T> ? "number" : "integer";
}

template <typename T>
std::string FormatNumber(const T& value) {
  return absl::StrCat(value);
}

}  // namespace

FlagType<std::string> TextType() {
  return {"text", [](absl::string_view text) { return std::string(text); }, Unchanged};
}

FlagType<std::string> NonEmptyTextType() {
  return {"text",
          [](absl::string_view text) -> absl::StatusOr<std::string> {
            if (text.empty()) return Error(text, "is empty");
            return std::string(text);
          },
          Unchanged};
}

FlagType<std::string> FileType() {
  FlagType<std::string> type = NonEmptyTextType();
  type.description = "file";
  return type;
}

FlagType<std::string> ChoiceType(std::vector<std::string> choices) {
  const std::string names = absl::StrJoin(choices, ", ");
  return {
      absl::StrCat("one of ", names),
      [choices = std::move(choices), names](absl::string_view text) -> absl::StatusOr<std::string> {
        if (text.empty() || std::find(choices.begin(), choices.end(), text) != choices.end()) {
          return std::string(text);
        }
        return Error(text, absl::StrCat("is none of ", names));
      },
      Unchanged};
}

FlagType<std::string> AddressType(bool may_be_empty) {
  return {"host:port",
          [may_be_empty](absl::string_view text) -> absl::StatusOr<std::string> {
            if (IsAddress(text) || (text.empty() && may_be_empty)) return std::string(text);
            return Error(text, "is not host:port");
          },
          Unchanged};
}

FlagType<std::vector<std::string>> ListType() {
  return {"list",
          [](absl::string_view text) -> absl::StatusOr<std::vector<std::string>> {
            std::vector<std::string> items = absl::StrSplit(text, ',');
            if (std::find(items.begin(), items.end(), "") == items.end()) return items;
            return Error(text, "is not a list joined by commas");
          },
          [](const std::vector<std::string>& items) { return absl::StrJoin(items, ","); }};
}

FlagType<bool> BoolType() {
  return {"true or false",
          [](absl::string_view text) -> absl::StatusOr<bool> {
            if (text == "true") return true;
            if (text == "false") return false;
            return Error(text, "is neither true nor false");
          },
          [](const bool& value) { return std::string(value ? "true" : "false"); }};
}

template <typename T>
FlagType<T> NumberType(T low, T high) {
  return {absl::StrCat(NumberName<T>(), " in [", low, ", ", high, "]"),
          [low, high](absl::string_view text) -> absl::StatusOr<T> {
            absl::StatusOr<T> value = ParseNumber<T>(text);
            if (!value.ok() || (*value >= low && *value <= high)) return value;
            // NaN comes here too.
            return absl::InvalidArgumentError(
                absl::StrCat(text, " is out of range, allowed is [", low, ", ", high, "]"));
          },
          FormatNumber<T>};
}

template <typename T>
FlagType<T> NumberType() {
  FlagType<T> type = NumberType<T>(std::numeric_limits<T>::lowest(), std::numeric_limits<T>::max());
  type.description = NumberName<T>();
  type.parse = [in_range = std::move(type.parse)](absl::string_view text) -> absl::StatusOr<T> {
    absl::StatusOr<T> value = in_range(text);
    return value.ok() ? value : ParseNumber<T>(text).ok() ? Error(text, "is not finite") : value;
  };
  return type;
}

template FlagType<int> NumberType(int, int);
template FlagType<int64_t> NumberType(int64_t, int64_t);
template FlagType<uint32_t> NumberType(uint32_t, uint32_t);
template FlagType<uint64_t> NumberType(uint64_t, uint64_t);
template FlagType<float> NumberType(float, float);
template FlagType<double> NumberType(double, double);
template FlagType<int> NumberType();
template FlagType<int64_t> NumberType();
template FlagType<uint32_t> NumberType();
template FlagType<uint64_t> NumberType();
template FlagType<float> NumberType();
template FlagType<double> NumberType();

}  // namespace vidmuse
