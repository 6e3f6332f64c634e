// A program's command line: a table of flags, each of which is bound to a field of a struct.
//
//   const FlagTable<Options> table({
//       {"threads", &Options::threads, NumberType<int>(0, 64), "of a step; 0: one a core"},
//       {"quiet", &Options::quiet, BoolType(), "say nothing"},
//   });
//   Options options;
//   ASSIGN_OR_RETURN(const CommandLine line, table.Parse(args, &options));
//
// A flag is written `--name=value` or `--name value`. A switch, which is a flag of BoolType, is
// written `--name`, and also `--name=true` or `--name=false`. A later value replaces an earlier
// one.
#ifndef VIDMUSE_BASE_FLAG_TABLE_H_
#define VIDMUSE_BASE_FLAG_TABLE_H_

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/flag_type.h"
#include "core/base/status_macros.h"

namespace vidmuse {

// One flag of a program whose options are in an `Options`.
template <typename Options>
struct Flag {
  Flag() = default;

  // Binds the flag to a member.
  template <typename T>
  Flag(std::string flag_name, T Options::*member, FlagType<T> flag_type, std::string flag_help)
      : Flag(
            std::move(flag_name), [member](const Options& options) { return options.*member; },
            [member](Options& options, T value) { options.*member = std::move(value); },
            std::move(flag_type), std::move(flag_help)) {}

  // Binds the flag to a getter, const Options& -> T, and a setter, (Options&, T).
  template <typename T, typename Get, typename Set>
  Flag(std::string flag_name, Get get_value, Set set_value, FlagType<T> flag_type,
       std::string flag_help)
      : name(std::move(flag_name)),
        type(std::move(flag_type.description)),
        help(std::move(flag_help)),
        is_switch(std::is_same_v<T, bool>) {
    get = [get_value, format = std::move(flag_type.format)](const Options& options) {
      return format(get_value(options));
    };
    set = [set_value, parse = std::move(flag_type.parse)](Options& options,
                                                          absl::string_view text) {
      ASSIGN_OR_RETURN(T value, parse(text));
      set_value(options, std::move(value));
      return absl::OkStatus();
    };
  }

  std::string name;
  std::string type;  // for --help
  std::string help;
  bool is_switch = false;
  std::function<std::string(const Options&)> get;  // the value as `set` takes it
  std::function<absl::Status(Options&, absl::string_view)> set;
};

// Makes flags of a struct into flags of another struct that contains it.
template <typename Options, typename Part>
std::vector<Flag<Options>> Within(Part Options::*part, const std::vector<Flag<Part>>& flags) {
  std::vector<Flag<Options>> result;
  for (const Flag<Part>& flag : flags) {
    Flag<Options>& outer = result.emplace_back();
    outer.name = flag.name;
    outer.type = flag.type;
    outer.help = flag.help;
    outer.is_switch = flag.is_switch;
    outer.get = [part, get = flag.get](const Options& options) { return get(options.*part); };
    outer.set = [part, set = flag.set](Options& options, absl::string_view text) {
      return set(options.*part, text);
    };
  }
  return result;
}

// Joins lists of flags.
template <typename Options>
std::vector<Flag<Options>> Concat(std::initializer_list<std::vector<Flag<Options>>> lists) {
  std::vector<Flag<Options>> all;
  for (const std::vector<Flag<Options>>& list : lists) {
    all.insert(all.end(), list.begin(), list.end());
  }
  return all;
}

// A flag's name and its value, as they were written.
struct FlagSetting {
  std::string name;
  std::string value;  // "true" for a switch without a value
};

// A command line that was taken apart.
struct CommandLine {
  bool help = false;                  // --help or -h; what follows it is ignored
  std::vector<FlagSetting> settings;  // in order
  std::vector<std::string> rest;      // arguments that are not flags
};

// Takes `args` (without the program's name) apart. `find` tells whether the flag of a name is a
// switch; nullopt: there is no such flag. Fails with INVALID_ARGUMENT for an unknown flag and for
// one without its value.
absl::StatusOr<CommandLine> SplitCommandLine(
    const std::vector<std::string>& args,
    absl::FunctionRef<std::optional<bool>(absl::string_view name)> find);

// INVALID_ARGUMENT that names the argument, which is not a flag.
absl::Status NotAFlagError(absl::string_view argument);
// INVALID_ARGUMENT that names the flag, which does not exist.
absl::Status NoSuchFlagError(absl::string_view name);

// A flag's lines in --help.
std::string FlagHelp(absl::string_view name, absl::string_view type, absl::string_view value,
                     absl::string_view help);

// All flags of a program. Immutable.
template <typename Options>
class FlagTable {
 public:
  explicit FlagTable(std::vector<Flag<Options>> flags) : flags_(std::move(flags)) {}

  // In the order of --help.
  const std::vector<Flag<Options>>& flags() const { return flags_; }

  // Takes `args` apart without setting anything.
  absl::StatusOr<CommandLine> Split(const std::vector<std::string>& args) const {
    return SplitCommandLine(args, [this](absl::string_view name) -> std::optional<bool> {
      const Flag<Options>* const flag = Find(name);
      if (flag == nullptr) return std::nullopt;
      return flag->is_switch;
    });
  }

  // Sets one flag. Fails with INVALID_ARGUMENT, naming the flag and the value, if there is no such
  // flag, or its type doesn't have the value.
  absl::Status Set(const FlagSetting& setting, Options* options) const {
    const Flag<Options>* const flag = Find(setting.name);
    if (flag == nullptr) return NoSuchFlagError(setting.name);
    absl::Status status = flag->set(*options, setting.value);
    if (status.ok()) return status;
    return absl::Status(status.code(), absl::StrCat("--", setting.name, ": ", status.message()));
  }

  // Splits `args` and sets all flags, unless help is asked for.
  absl::StatusOr<CommandLine> Parse(const std::vector<std::string>& args, Options* options) const {
    ASSIGN_OR_RETURN(CommandLine line, Split(args));
    if (line.help) return line;
    for (const FlagSetting& setting : line.settings) RETURN_IF_ERROR(Set(setting, options));
    return line;
  }

  // Lists the flags with their types, their defaults and what they mean.
  std::string Help() const {
    const Options defaults{};
    std::string text;
    for (const Flag<Options>& flag : flags_) {
      absl::StrAppend(&text, FlagHelp(flag.name, flag.is_switch ? "no value" : flag.type,
                                      flag.is_switch ? "" : flag.get(defaults), flag.help));
    }
    return text;
  }

 private:
  const Flag<Options>* Find(absl::string_view name) const {
    for (const Flag<Options>& flag : flags_) {
      if (flag.name == name) return &flag;
    }
    return nullptr;
  }

  std::vector<Flag<Options>> flags_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_FLAG_TABLE_H_
