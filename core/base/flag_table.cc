#include "core/base/flag_table.h"

#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace vidmuse {

absl::Status NotAFlagError(absl::string_view argument) {
  return absl::InvalidArgumentError(absl::StrCat("\"", argument, "\" is not a flag, see --help"));
}

absl::Status NoSuchFlagError(absl::string_view name) {
  return absl::InvalidArgumentError(absl::StrCat("--", name, ": no such flag, see --help"));
}

absl::StatusOr<CommandLine> SplitCommandLine(
    const std::vector<std::string>& args,
    absl::FunctionRef<std::optional<bool>(absl::string_view name)> find) {
  CommandLine line;
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--help" || args[i] == "-h") {
      line.help = true;
      return line;
    }
    absl::string_view name = args[i];
    if (!absl::ConsumePrefix(&name, "--")) {
      if (absl::StartsWith(name, "-")) return NotAFlagError(args[i]);
      line.rest.push_back(args[i]);
      continue;
    }
    if (name.empty()) return NotAFlagError(args[i]);
    const size_t equals = name.find('=');
    std::optional<std::string> value;
    if (equals != absl::string_view::npos) value = std::string(name.substr(equals + 1));
    name = name.substr(0, equals);
    const std::optional<bool> is_switch = find(name);
    if (!is_switch.has_value()) return NoSuchFlagError(name);
    if (*is_switch && !value.has_value()) value = "true";
    if (!value.has_value() && i + 1 < args.size()) value = args[++i];
    if (!value.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat("--", name, ": no value, see --help"));
    }
    line.settings.push_back({std::string(name), *std::move(value)});
  }
  return line;
}

std::string FlagHelp(absl::string_view name, absl::string_view type, absl::string_view value,
                     absl::string_view help) {
  return absl::StrCat("  --", name, "  (", type, value.empty() ? "" : "; default ", value,
                      ")\n      ", help, "\n");
}

}  // namespace vidmuse
