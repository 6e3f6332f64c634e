// One flag: a name, a type, a range, and where its value goes.
#ifndef VIDMUSE_SERVER_FLAG_H_
#define VIDMUSE_SERVER_FLAG_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/options.h"

namespace vidmuse {

struct Flag {
  std::string name;
  std::string type;  // for --help
  std::string help;
  std::function<std::string(const ServerOptions&)> get;
  std::function<absl::Status(ServerOptions&, absl::string_view)> set;
};

// Locates a flag's value: a function that returns a reference into the options.
template <typename T>
using FlagField = T& (*)(ServerOptions&);

Flag StringFlag(std::string name, FlagField<std::string> field, std::string help);
// Accepts one of `choices`, or the empty text.
Flag ChoiceFlag(std::string name, FlagField<std::string> field, std::vector<std::string> choices,
                std::string help);
// Accepts "host:port", and also the empty text if `may_be_empty` is set.
Flag AddressFlag(std::string name, FlagField<std::string> field, bool may_be_empty,
                 std::string help);
// These four accept a number in [low, high].
Flag IntFlag(std::string name, FlagField<int> field, int low, int high, std::string help);
Flag Int64Flag(std::string name, FlagField<int64_t> field, int64_t low, int64_t high,
               std::string help);
Flag UintFlag(std::string name, FlagField<uint64_t> field, uint64_t low, uint64_t high,
              std::string help);
Flag RealFlag(std::string name, FlagField<double> field, double low, double high, std::string help);

// All flags that take a value, except --config, in the order of --help.
const std::vector<Flag>& Flags();

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_FLAG_H_
