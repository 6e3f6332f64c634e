#include "server/flag.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace vidmuse {
namespace {

template <typename T>
const T& Get(FlagField<T> field, const ServerOptions& options) {
  return field(const_cast<ServerOptions&>(options));
}

template <typename T>
Flag NumberFlag(std::string name, const char* type, FlagField<T> field, T low, T high,
                std::string help, bool (*parse)(absl::string_view, T*)) {
  Flag flag{name, absl::StrCat(type, " in [", low, ", ", high, "]"), std::move(help), {}, {}};
  flag.get = [field](const ServerOptions& options) { return absl::StrCat(Get<T>(field, options)); };
  flag.set = [name = std::move(name), type, field, low, high, parse](
                 ServerOptions& options, absl::string_view text) -> absl::Status {
    T value{};
    if (!parse(text, &value)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", name, ": \"", text, "\" is not a number of type ", type));
    }
    if (!(value >= low && value <= high)) {  // also true for NaN
      return absl::InvalidArgumentError(absl::StrCat(
          "--", name, ": ", text, " is out of range, allowed is [", low, ", ", high, "]"));
    }
    field(options) = value;
    return absl::OkStatus();
  };
  return flag;
}

template <typename T>
bool ParseInteger(absl::string_view text, T* value) {
  return absl::SimpleAtoi(text, value);
}

bool ParseReal(absl::string_view text, double* value) { return absl::SimpleAtod(text, value); }

bool IsAddress(absl::string_view text) {
  const size_t colon = text.rfind(':');
  int port = 0;
  return colon != absl::string_view::npos && colon > 0 &&
         absl::SimpleAtoi(text.substr(colon + 1), &port) && port >= 0 && port <= 65535;
}

}  // namespace

Flag StringFlag(std::string name, FlagField<std::string> field, std::string help) {
  return {std::move(name), "text", std::move(help),
          [field](const ServerOptions& options) { return Get<std::string>(field, options); },
          [field](ServerOptions& options, absl::string_view text) {
            field(options) = std::string(text);
            return absl::OkStatus();
          }};
}

Flag ChoiceFlag(std::string name, FlagField<std::string> field, std::vector<std::string> choices,
                std::string help) {
  Flag flag = StringFlag(name, field, std::move(help));
  flag.type = absl::StrCat("one of ", absl::StrJoin(choices, ", "));
  flag.set = [name = std::move(name), field, choices = std::move(choices)](ServerOptions& options,
                                                                           absl::string_view text) {
    if (!text.empty() && std::find(choices.begin(), choices.end(), text) == choices.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", name, ": \"", text, "\" is none of ", absl::StrJoin(choices, ", ")));
    }
    field(options) = std::string(text);
    return absl::OkStatus();
  };
  return flag;
}

Flag AddressFlag(std::string name, FlagField<std::string> field, bool may_be_empty,
                 std::string help) {
  Flag flag = StringFlag(name, field, std::move(help));
  flag.type = "host:port";
  flag.set = [name = std::move(name), field, may_be_empty](ServerOptions& options,
                                                           absl::string_view text) {
    if (!IsAddress(text) && !(text.empty() && may_be_empty)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", name, ": \"", text, "\" is not host:port"));
    }
    field(options) = std::string(text);
    return absl::OkStatus();
  };
  return flag;
}

Flag IntFlag(std::string name, FlagField<int> field, int low, int high, std::string help) {
  return NumberFlag<int>(std::move(name), "integer", field, low, high, std::move(help),
                         ParseInteger<int>);
}

Flag Int64Flag(std::string name, FlagField<int64_t> field, int64_t low, int64_t high,
               std::string help) {
  return NumberFlag<int64_t>(std::move(name), "integer", field, low, high, std::move(help),
                             ParseInteger<int64_t>);
}

Flag UintFlag(std::string name, FlagField<uint64_t> field, uint64_t low, uint64_t high,
              std::string help) {
  return NumberFlag<uint64_t>(std::move(name), "integer", field, low, high, std::move(help),
                              ParseInteger<uint64_t>);
}

Flag RealFlag(std::string name, FlagField<double> field, double low, double high,
              std::string help) {
  return NumberFlag<double>(std::move(name), "number", field, low, high, std::move(help),
                            ParseReal);
}

}  // namespace vidmuse
