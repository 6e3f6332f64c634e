#include "client/cli/flags.h"

#include <cmath>
#include <functional>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

struct Flag {
  const char* name;
  const char* value;            // the value's name in the help; "": a switch
  std::optional<Command> only;  // nullopt: for every command
  const char* help;
  // `text` is empty for a switch.
  std::function<absl::Status(const std::string& text, CliOptions* options)> apply;
};

template <typename T>
struct Named {
  const char* name;
  T value;
};

constexpr Named<v1::AudioFormat> kFormats[] = {
    {"wav", v1::AUDIO_FORMAT_WAV},
    {"pcm_s16le", v1::AUDIO_FORMAT_PCM_S16LE},
    {"pcm_f32le", v1::AUDIO_FORMAT_PCM_F32LE},
    {"flac", v1::AUDIO_FORMAT_FLAC},
    {"mp3", v1::AUDIO_FORMAT_MP3},
    {"ogg", v1::AUDIO_FORMAT_OGG_VORBIS},
};

constexpr Named<v1::Loudness> kLoudness[] = {
    {"reference", v1::LOUDNESS_REFERENCE},
    {"streaming", v1::LOUDNESS_STREAMING},
    {"none", v1::LOUDNESS_NONE},
};

template <typename T, size_t N>
absl::StatusOr<T> Lookup(const std::string& text, const Named<T> (&table)[N]) {
  std::string names;
  for (const Named<T>& entry : table) {
    if (text == entry.name) return entry.value;
    absl::StrAppend(&names, names.empty() ? "" : ", ", entry.name);
  }
  return absl::InvalidArgumentError(absl::StrCat("must be one of ", names));
}

absl::StatusOr<double> Number(const std::string& text) {
  double value = 0;
  if (!absl::SimpleAtod(text, &value) || !std::isfinite(value)) {
    return absl::InvalidArgumentError("must be a number");
  }
  return value;
}

template <typename T>
absl::StatusOr<T> Integer(const std::string& text) {
  T value = 0;
  if (!absl::SimpleAtoi(text, &value)) {
    return absl::InvalidArgumentError("must be a whole number from 0 on");
  }
  return value;
}

absl::StatusOr<double> Positive(const std::string& text) {
  ASSIGN_OR_RETURN(const double value, Number(text));
  if (value <= 0) return absl::InvalidArgumentError("must be above 0");
  return value;
}

absl::Status SetServers(const std::string& text, CliOptions* options) {
  options->servers.clear();
  for (absl::string_view address : absl::StrSplit(text, ',')) {
    if (address.empty()) return absl::InvalidArgumentError("must be addresses joined by commas");
    options->servers.emplace_back(address);
  }
  return absl::OkStatus();
}

// Makes a flag that stores its text.
auto Text(std::string CliOptions::*member) {
  return [member](const std::string& text, CliOptions* options) {
    if (text.empty()) return absl::InvalidArgumentError("must not be empty");
    options->*member = text;
    return absl::OkStatus();
  };
}

absl::Status SetDeadline(const std::string& text, CliOptions* options) {
  ASSIGN_OR_RETURN(const double seconds, Positive(text));
  options->deadline = absl::Seconds(seconds);
  return absl::OkStatus();
}

absl::Status SetFormat(const std::string& text, CliOptions* options) {
  ASSIGN_OR_RETURN(const v1::AudioFormat format, Lookup(text, kFormats));
  options->config.set_format(format);
  return absl::OkStatus();
}

absl::Status SetLoudness(const std::string& text, CliOptions* options) {
  ASSIGN_OR_RETURN(const v1::Loudness loudness, Lookup(text, kLoudness));
  options->config.set_loudness(loudness);
  return absl::OkStatus();
}

absl::Status SetTls(const std::string&, CliOptions* options) {
  options->tls = true;
  return absl::OkStatus();
}

absl::Status AllowPlaintextApiKey(const std::string&, CliOptions* options) {
  options->allow_plaintext_api_key = true;
  return absl::OkStatus();
}

absl::Status SetGreedy(const std::string&, CliOptions* options) {
  options->config.mutable_sampling()->set_greedy(true);
  return absl::OkStatus();
}

// Makes a flag that sets one number of the sampling config.
template <typename T>
auto Sampling(absl::StatusOr<T> (*parse)(const std::string&), void (*set)(v1::SamplingConfig*, T)) {
  return [parse, set](const std::string& text, CliOptions* options) {
    ASSIGN_OR_RETURN(const T value, parse(text));
    set(options->config.mutable_sampling(), value);
    return absl::OkStatus();
  };
}

// Makes a flag that sets a time in seconds in the config.
auto Seconds(void (v1::GenerateMusicConfig::*set)(double)) {
  return [set](const std::string& text, CliOptions* options) {
    ASSIGN_OR_RETURN(const double value, Number(text));
    (options->config.*set)(value);
    return absl::OkStatus();
  };
}

const std::vector<Flag>& Flags() {
  using Config = v1::SamplingConfig;
  constexpr auto kGenerate = Command::kGenerate;
  constexpr auto kAll = std::nullopt;
  static const auto* const flags = new std::vector<Flag>{
      {"server", "ADDR[,ADDR...]", kAll, "replicas, tried in turn (127.0.0.1:50051)", SetServers},
      {"tls", "", kAll, "connect with TLS", SetTls},
      {"tls_ca", "FILE", kAll, "authorities to trust, in PEM (the system's)",
       Text(&CliOptions::tls_ca)},
      {"tls_cert", "FILE", kAll, "this client's certificate, in PEM (none)",
       Text(&CliOptions::tls_cert)},
      {"tls_key", "FILE", kAll, "the private key of --tls_cert, in PEM",
       Text(&CliOptions::tls_key)},
      {"api_key_file", "FILE", kAll, "holds the API key (the variable VIDMUSE_API_KEY)",
       Text(&CliOptions::api_key_file)},
      {"allow_plaintext_api_key", "", kAll, "send the key without --tls, for others to read along",
       AllowPlaintextApiKey},
      {"service", "NAME", Command::kHealth,
       "of the health service: readiness or liveness (the server as a whole)",
       Text(&CliOptions::service)},
      {"video", "FILE", kGenerate, "the video to make music for; - is standard input",
       Text(&CliOptions::video)},
      {"output", "FILE", kGenerate, "where the music goes; - is standard output",
       Text(&CliOptions::output)},
      {"greedy", "", kGenerate, "always the best token", SetGreedy},
      {"seed", "N", kGenerate, "seed of the random choices (drawn by the server)",
       Sampling<uint64_t>(Integer, [](Config* c, uint64_t v) { c->set_seed(v); })},
      {"temperature", "X", kGenerate, "0 to 10 (1)",
       Sampling<double>(Number, [](Config* c, double v) { c->set_temperature(v); })},
      {"top_k", "N", kGenerate, "choose among the N best tokens (250); 0: all",
       Sampling<uint32_t>(Integer, [](Config* c, uint32_t v) { c->set_top_k(v); })},
      {"top_p", "X", kGenerate,
       "0 to 1 (0); above 0: choose among the most likely X instead of top_k",
       Sampling<double>(Number, [](Config* c, double v) { c->set_top_p(v); })},
      {"cfg_coef", "X", kGenerate, "guidance, 0 to 20 (the model's own)",
       Sampling<double>(Number, [](Config* c, double v) { c->set_cfg_coef(v); })},
      {"duration", "S", kGenerate, "at most this many seconds of music (as long as the video)",
       Seconds(&v1::GenerateMusicConfig::set_max_duration_seconds)},
      {"format", "FMT", kGenerate,
       "wav, pcm_s16le, pcm_f32le, flac, mp3 or ogg (by the output's extension, else wav)",
       SetFormat},
      {"loudness", "MODE", kGenerate, "reference, streaming or none (reference)", SetLoudness},
      {"tokens", "FILE", kGenerate, "also write the tokens: one line a frame, four integers",
       Text(&CliOptions::tokens)},
      {"resume", "FILE", kGenerate, "go on after these tokens; give the earlier run's seed too",
       Text(&CliOptions::resume)},
      {"deadline", "S", kGenerate, "give up after this many seconds (never)", SetDeadline},
      {"chunk", "S", kGenerate, "longest piece that the server sends at once (0.25 growing to 2)",
       Seconds(&v1::GenerateMusicConfig::set_max_chunk_seconds)},
  };
  return *flags;
}

absl::StatusOr<Command> ParseCommand(const std::string& name) {
  if (name == "generate") return Command::kGenerate;
  if (name == "models") return Command::kModels;
  if (name == "health") return Command::kHealth;
  if (name == "help" || name == "--help" || name == "-h") return Command::kHelp;
  return absl::InvalidArgumentError(
      absl::StrCat("unknown command '", name, "': generate, models, health"));
}

const Flag* FindFlag(absl::string_view name, Command command) {
  for (const Flag& flag : Flags()) {
    if (name == flag.name && (!flag.only.has_value() || flag.only == command)) return &flag;
  }
  return nullptr;
}

// Applies the flag at args[*index] and its value, and moves *index past them.
absl::Status TakeFlag(const std::vector<std::string>& args, size_t* index, CliOptions* options) {
  const std::string& arg = args[(*index)++];
  if (!absl::StartsWith(arg, "--")) {
    return absl::InvalidArgumentError(absl::StrCat("unexpected argument '", arg, "'"));
  }
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(arg.substr(2), absl::MaxSplits('=', 1));
  const bool has_value = absl::StrContains(arg, '=');
  const Flag* flag = FindFlag(parts.first, options->command);
  if (flag == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("unknown flag '--", parts.first, "'"));
  }
  const bool is_switch = *flag->value == '\0';
  std::string text = parts.second;
  if (is_switch && has_value) {
    return absl::InvalidArgumentError(absl::StrCat("--", flag->name, " takes no value"));
  }
  if (!is_switch && !has_value) {
    if (*index == args.size()) {
      return absl::InvalidArgumentError(absl::StrCat("--", flag->name, " needs a value"));
    }
    text = args[(*index)++];
  }
  absl::Status status = flag->apply(text, options);
  if (status.ok()) return status;
  return absl::InvalidArgumentError(
      absl::StrCat("--", flag->name, " ", status.message(), ", not '", text, "'"));
}

absl::Status CheckTls(const CliOptions& options) {
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    return absl::InvalidArgumentError("--tls_cert and --tls_key: one is set without the other");
  }
  if (!options.tls && !(options.tls_ca.empty() && options.tls_cert.empty())) {
    return absl::InvalidArgumentError("--tls_ca, --tls_cert and --tls_key need --tls");
  }
  return absl::OkStatus();
}

v1::AudioFormat FormatOfExtension(const std::string& path) {
  const std::string lower = absl::AsciiStrToLower(path);
  if (absl::EndsWith(lower, ".flac")) return v1::AUDIO_FORMAT_FLAC;
  if (absl::EndsWith(lower, ".mp3")) return v1::AUDIO_FORMAT_MP3;
  if (absl::EndsWith(lower, ".ogg")) return v1::AUDIO_FORMAT_OGG_VORBIS;
  return v1::AUDIO_FORMAT_WAV;
}

}  // namespace

absl::StatusOr<CliOptions> ParseCommandLine(const std::vector<std::string>& args) {
  if (args.empty()) return absl::InvalidArgumentError("no command: generate, models or health");
  CliOptions options;
  ASSIGN_OR_RETURN(options.command, ParseCommand(args[0]));
  for (size_t index = 1; index < args.size();) {
    if (args[index] == "--help" || args[index] == "-h") return CliOptions{};
    RETURN_IF_ERROR(TakeFlag(args, &index, &options));
  }
  RETURN_IF_ERROR(CheckTls(options));
  if (options.command != Command::kGenerate) return options;
  if (options.video.empty()) return absl::InvalidArgumentError("generate needs --video");
  if (options.output.empty()) return absl::InvalidArgumentError("generate needs --output");
  if (options.tokens == options.output) {
    return absl::InvalidArgumentError("--tokens and --output name the same file");
  }
  if (options.config.format() == v1::AUDIO_FORMAT_UNSPECIFIED) {
    options.config.set_format(FormatOfExtension(options.output));
  }
  return options;
}

std::string HelpText() {
  std::string text =
      "Music for videos, made by a vidmuse server.\n\n"
      "usage: vidmuse generate --video FILE --output FILE [flags]\n"
      "       vidmuse models [--server ADDR]   what model a server runs and what it accepts\n"
      "       vidmuse health [--server ADDR]   exit code 0 only if it serves\n\n"
      "flags (defaults in brackets):\n";
  for (const Flag& flag : Flags()) {
    absl::StrAppendFormat(&text, "  %-26s %s\n", absl::StrCat("--", flag.name, " ", flag.value),
                          flag.help);
  }
  absl::StrAppend(&text,
                  "\nExit codes: 0 the whole file was made, 1 it was not, 2 the command line is "
                  "wrong, 130 interrupted.\n");
  return text;
}

}  // namespace vidmuse
