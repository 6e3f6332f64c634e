#include "server/options.h"

#include <yaml-cpp/yaml.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/flags.h"

namespace vidmuse {
namespace {

absl::Status SetFlag(const FlagTable<ServerOptions>& table, const FlagSetting& setting,
                     ServerOptions& options) {
  options.given.insert(setting.name);
  return table.Set(setting, &options);
}

absl::Status ReadConfig(const std::string& path, ServerOptions& options) {
  const auto error = [&path](absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat("--config ", path, ": ", what));
  };
  if (!std::filesystem::is_regular_file(path)) {
    return absl::NotFoundError(absl::StrCat("--config ", path, ": no such file"));
  }
  try {
    const YAML::Node root = YAML::LoadFile(path);
    if (root.IsNull()) return absl::OkStatus();
    if (!root.IsMap()) return error("not a map of flag names to values");
    for (const auto& entry : root) {
      const auto name = entry.first.as<std::string>();
      if (!entry.second.IsScalar()) return error(absl::StrCat(name, ": not a single value"));
      const absl::Status set = SetFlag(ConfigFileFlags(), {name, entry.second.Scalar()}, options);
      if (!set.ok()) return error(set.message());
    }
  } catch (const YAML::Exception& e) {
    return error(e.what());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ServerOptions> ParseOptions(const std::vector<std::string>& args) {
  ServerOptions options;
  options.generator.server_version = VIDMUSE_VERSION;
  ASSIGN_OR_RETURN(const CommandLine line, CommandLineFlags().Split(args));
  if (line.help) {
    options.help = true;
    return options;
  }
  if (!line.rest.empty()) return NotAFlagError(line.rest[0]);
  for (const FlagSetting& setting : line.settings) {
    if (setting.name == "config") RETURN_IF_ERROR(ReadConfig(setting.value, options));
  }
  for (const FlagSetting& setting : line.settings) {
    RETURN_IF_ERROR(SetFlag(CommandLineFlags(), setting, options));
  }
  if (options.generator.model_dir.empty() && !options.self_test) {
    return absl::InvalidArgumentError("--model_dir: not set, see --help");
  }
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    return absl::InvalidArgumentError("--tls_cert and --tls_key: one is set without the other");
  }
  if (options.tls_cert.empty() && !options.tls_client_ca.empty()) {
    return absl::InvalidArgumentError("--tls_client_ca: set without --tls_cert");
  }
  return options;
}

std::string OptionsHelp() {
  return absl::StrCat(
      "Usage: vidmuse_server --model_dir DIR [--name=value | --name value]...\n"
      "Serves VidMuse, music for videos, over gRPC.\n\n",
      CommandLineFlags().Help(), FlagHelp("help", "no value", "", "prints this"),
      FlagHelp("version", "no value", "", "prints the version; must come first"));
}

}  // namespace vidmuse
