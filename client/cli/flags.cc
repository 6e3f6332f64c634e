#include "client/cli/flags.h"

#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/flag_type.h"
#include "core/base/status_macros.h"
#include "telemetry/otlp_options.h"

namespace vidmuse {
namespace {

using Flags = std::vector<Flag<CliOptions>>;
using Config = v1::GenerateMusicConfig;
using Sampling = v1::SamplingConfig;

FlagType<std::vector<std::string>> AddressesType() {
  FlagType<std::vector<std::string>> type = ListType();
  type.description = "ADDR[,ADDR...]";
  return type;
}

// More than 0 seconds. An infinite time can't be written as text.
FlagType<absl::Duration> SecondsType() {
  return {"seconds above 0",
          [](absl::string_view text) -> absl::StatusOr<absl::Duration> {
            ASSIGN_OR_RETURN(const double seconds, NumberType<double>().parse(text));
            if (seconds > 0) return absl::Seconds(seconds);
            return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not above 0"));
          },
          [](absl::Duration value) {
            if (value == absl::InfiniteDuration()) return std::string();
            return absl::StrCat(absl::ToDoubleSeconds(value));
          }};
}

// An enumeration's values by name. Its other values can't be written as text.
template <typename T>
FlagType<T> EnumType(const std::vector<std::pair<std::string, T>>& values) {
  const auto name = [](std::string* out, const auto& value) { out->append(value.first); };
  const std::string names = absl::StrJoin(values, ", ", name);
  return {absl::StrCat("one of ", names),
          [values, names](absl::string_view text) -> absl::StatusOr<T> {
            for (const auto& [name, value] : values) {
              if (text == name) return value;
            }
            return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is none of ", names));
          },
          [values](const T& wanted) {
            for (const auto& [name, value] : values) {
              if (value == wanted) return name;
            }
            return std::string();
          }};
}

FlagType<v1::AudioFormat> FormatType() {
  return EnumType<v1::AudioFormat>({{"wav", v1::AUDIO_FORMAT_WAV},
                                    {"pcm_s16le", v1::AUDIO_FORMAT_PCM_S16LE},
                                    {"pcm_f32le", v1::AUDIO_FORMAT_PCM_F32LE},
                                    {"flac", v1::AUDIO_FORMAT_FLAC},
                                    {"mp3", v1::AUDIO_FORMAT_MP3},
                                    {"ogg", v1::AUDIO_FORMAT_OGG_VORBIS}});
}

FlagType<v1::Loudness> LoudnessType() {
  return EnumType<v1::Loudness>({{"reference", v1::LOUDNESS_REFERENCE},
                                 {"streaming", v1::LOUDNESS_STREAMING},
                                 {"none", v1::LOUDNESS_NONE}});
}

FlagType<v1::Alignment> AlignmentType() {
  return EnumType<v1::Alignment>(
      {{"reference", v1::ALIGNMENT_REFERENCE}, {"time", v1::ALIGNMENT_TIME}});
}

// Accessors of a field of a message, which may be unset.
template <typename Message, typename T>
struct Field {
  bool (Message::*has)() const;
  T (Message::*get)() const;
  void (Message::*set)(T);

  std::optional<T> In(const Message& message) const {
    if (!(message.*has)()) return std::nullopt;
    return (message.*get)();
  }
};

// Makes a flag of an optional number in the sampling config. The server checks its range.
template <typename T>
Flag<CliOptions> SamplingFlag(std::string name, Field<Sampling, T> field, std::string help) {
  return {std::move(name),
          [field](const CliOptions& options) { return field.In(options.config.sampling()); },
          [field](CliOptions& options, std::optional<T> value) {
            (options.config.mutable_sampling()->*field.set)(*value);
          },
          OptionalType(NumberType<T>()), std::move(help)};
}

// Makes a flag of an optional time in the config. The server checks its range.
Flag<CliOptions> TimeFlag(std::string name, Field<Config, double> field, std::string help) {
  return {std::move(name), [field](const CliOptions& options) { return field.In(options.config); },
          [field](CliOptions& options, std::optional<double> value) {
            (options.config.*field.set)(*value);
          },
          OptionalType(NumberType<double>()), std::move(help)};
}

Flags CommonFlags() {
  return {
      {"server", &CliOptions::servers, AddressesType(), "replicas, tried in turn"},
      {"tls", &CliOptions::tls, BoolType(), "connect with TLS"},
      {"tls_ca", &CliOptions::tls_ca, FileType(), "authorities to trust, in PEM (the system's)"},
      {"tls_cert", &CliOptions::tls_cert, FileType(), "this client's certificate, in PEM (none)"},
      {"tls_key", &CliOptions::tls_key, FileType(), "the private key of --tls_cert, in PEM"},
      {"api_key_file", &CliOptions::api_key_file, FileType(),
       "holds the API key (the variable VIDMUSE_API_KEY)"},
      {"allow_plaintext_api_key", &CliOptions::allow_plaintext_api_key, BoolType(),
       "send the key without --tls, for others to read along"},
  };
}

Flags TraceFlags() {
  return {{"otlp_endpoint", &CliOptions::otlp_endpoint, OtlpEndpointType(),
           "OpenTelemetry collector that gets a trace of each song, by OTLP over gRPC, under the "
           "variable TRACEPARENT (the variable OTEL_EXPORTER_OTLP_ENDPOINT, or none)"}};
}

Flags HealthFlags() {
  return {{"service", &CliOptions::service, NonEmptyTextType(),
           "of the health service: readiness or liveness (the server as a whole)"}};
}

Flags FileFlags() {
  return {
      {"video", &CliOptions::video, FileType(), "the video to make music for; - is standard input"},
      {"output", &CliOptions::output, FileType(),
       "where the music goes; - is standard output; .mp4, .mov, .mkv and .webm: the video with it"},
      {"prompt", &CliOptions::prompt, FileType(),
       "a tune of 0.5 to 10 s that the music begins with: any sound file"},
      {"tokens", &CliOptions::tokens, FileType(),
       "also write the tokens: one line a frame, four integers"},
      {"resume", &CliOptions::resume, FileType(),
       "go on after these tokens; give the earlier run's seed too"},
  };
}

Flags SamplingFlags() {
  return {
      {"greedy", [](const CliOptions& options) { return options.config.sampling().greedy(); },
       [](CliOptions& options, bool value) {
         options.config.mutable_sampling()->set_greedy(value);
       },
       BoolType(), "always the best token"},
      SamplingFlag<uint64_t>("seed", {&Sampling::has_seed, &Sampling::seed, &Sampling::set_seed},
                             "seed of the random choices (drawn by the server)"),
      SamplingFlag<float>(
          "temperature",
          {&Sampling::has_temperature, &Sampling::temperature, &Sampling::set_temperature},
          "0 to 10 (1)"),
      SamplingFlag<uint32_t>("top_k",
                             {&Sampling::has_top_k, &Sampling::top_k, &Sampling::set_top_k},
                             "choose among the N best tokens (250); 0: all"),
      SamplingFlag<float>("top_p", {&Sampling::has_top_p, &Sampling::top_p, &Sampling::set_top_p},
                          "0 to 1 (0); above 0: choose among the most likely X instead of top_k"),
      SamplingFlag<float>("cfg_coef",
                          {&Sampling::has_cfg_coef, &Sampling::cfg_coef, &Sampling::set_cfg_coef},
                          "guidance, 0 to 20 (the model's own)"),
  };
}

Flags SongFlags() {
  return {
      TimeFlag("duration",
               {&Config::has_max_duration_seconds, &Config::max_duration_seconds,
                &Config::set_max_duration_seconds},
               "at most this many seconds of music (as long as the video)"),
      TimeFlag("window_overlap",
               {&Config::has_window_overlap_seconds, &Config::window_overlap_seconds,
                &Config::set_window_overlap_seconds},
               "seconds of a 30 s window that the next begins with, 0.5 to 20 (0.5)"),
      {"alignment", [](const CliOptions& options) { return options.config.alignment(); },
       [](CliOptions& options, v1::Alignment value) { options.config.set_alignment(value); },
       AlignmentType(),
       "which pictures the music follows; time: those on screen, at any frame rate (reference)"},
      {"variants",
       [](const CliOptions& options) {
         return options.config.has_variants() ? static_cast<int>(options.config.variants()) : 1;
       },
       [](CliOptions& options, int value) { options.config.set_variants(value); },
       NumberType<int>(1, 8), "so many songs for the video, each with a seed of its own (1)"},
      {"format", [](const CliOptions& options) { return options.config.format(); },
       [](CliOptions& options, v1::AudioFormat value) { options.config.set_format(value); },
       FormatType(), "of the music (by the output's extension, else wav)"},
      {"loudness", [](const CliOptions& options) { return options.config.loudness(); },
       [](CliOptions& options, v1::Loudness value) { options.config.set_loudness(value); },
       LoudnessType(), "how loud the music is made (reference)"},
      {"deadline", &CliOptions::deadline, SecondsType(), "give up after this many seconds (never)"},
      TimeFlag("chunk",
               {&Config::has_max_chunk_seconds, &Config::max_chunk_seconds,
                &Config::set_max_chunk_seconds},
               "longest piece that the server sends at once (0.25 growing to 2)"),
  };
}

Flags MuxFlags() {
  return {
      {"original_audio", &CliOptions::original_audio,
       EnumType<OriginalAudio>({{"drop", OriginalAudio::kDrop},
                                {"mix", OriginalAudio::kMix},
                                {"duck", OriginalAudio::kDuck}}),
       "of a video as output: its own sound; duck: the music gives way to it (drop)"},
      {"music_gain_db", &CliOptions::music_gain_db, NumberType<double>(-60, 24),
       "of a video as output: how much louder the music gets (0)"},
  };
}

Flags LoadFlags() {
  return {
      {"video", &CliOptions::video, FileType(), "the video, or a folder of videos, taken in turn"},
      {"concurrency", &CliOptions::concurrency, NumberType<int>(1, 1024),
       "so many songs at once, a new one for each that ends"},
      {"rate", &CliOptions::rate, NumberType<double>(1e-3, 1000),
       "so many songs a second, at random moments, whether others end or not"},
      {"seconds", &CliOptions::load_seconds, NumberType<double>(1, 86400),
       "for how long songs are started"},
      {"json", &CliOptions::json, FileType(), "where the numbers go; - is standard output"},
  };
}

Flags GenerateFlags() {
  return Concat<CliOptions>({FileFlags(), MuxFlags(), SamplingFlags(), SongFlags(), TraceFlags()});
}

absl::StatusOr<Command> ParseCommand(const std::string& name) {
  if (name == "generate") return Command::kGenerate;
  if (name == "models") return Command::kModels;
  if (name == "health") return Command::kHealth;
  if (name == "load") return Command::kLoad;
  if (name == "help" || name == "--help" || name == "-h") return Command::kHelp;
  return absl::InvalidArgumentError(
      absl::StrCat("unknown command '", name, "': generate, models, health, load"));
}

v1::AudioFormat FormatOfExtension(const std::string& path) {
  const std::string lower = absl::AsciiStrToLower(path);
  if (absl::EndsWith(lower, ".flac")) return v1::AUDIO_FORMAT_FLAC;
  if (absl::EndsWith(lower, ".mp3")) return v1::AUDIO_FORMAT_MP3;
  if (absl::EndsWith(lower, ".ogg")) return v1::AUDIO_FORMAT_OGG_VORBIS;
  return v1::AUDIO_FORMAT_WAV;
}

}  // namespace

absl::Status CheckTlsPair(const std::string& cert, const std::string& key) {
  if (cert.empty() == key.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError("--tls_cert and --tls_key: one is set without the other");
}

MuxOptions ToMuxOptions(const CliOptions& options, std::function<bool()> cancelled) {
  return {.original_audio = options.original_audio,
          .music_gain_db = options.music_gain_db,
          .cancelled = std::move(cancelled)};
}

absl::Status CheckTls(const CliOptions& options) {
  RETURN_IF_ERROR(CheckTlsPair(options.tls_cert, options.tls_key));
  if (!options.tls && !(options.tls_ca.empty() && options.tls_cert.empty())) {
    return absl::InvalidArgumentError("--tls_ca, --tls_cert and --tls_key need --tls");
  }
  return absl::OkStatus();
}

absl::Status CheckLoad(const CliOptions& options) {
  if (options.video.empty()) return absl::InvalidArgumentError("load needs --video");
  if ((options.concurrency > 0) == (options.rate > 0)) {
    return absl::InvalidArgumentError("load needs either --concurrency or --rate");
  }
  return absl::OkStatus();
}

absl::Status SetFormat(CliOptions* options) {
  const bool chosen = options->config.format() != v1::AUDIO_FORMAT_UNSPECIFIED;
  if (!ContainerOfPath(options->output).empty()) {
    if (chosen) {
      return absl::InvalidArgumentError(
          "--format is for files of music alone: a video's music is AAC, or Opus in WebM");
    }
    options->config.set_format(v1::AUDIO_FORMAT_PCM_F32LE);
    return absl::OkStatus();
  }
  if (options->original_audio != OriginalAudio::kDrop || options->music_gain_db != 0) {
    return absl::InvalidArgumentError(
        "--original_audio and --music_gain_db need a video as --output: .mp4, .mov, .mkv or .webm");
  }
  if (!chosen) options->config.set_format(FormatOfExtension(options->output));
  return absl::OkStatus();
}

FlagTable<CliOptions> ConnectionFlagTable() { return FlagTable<CliOptions>(CommonFlags()); }

FlagTable<CliOptions> SongFlagTable() {
  return FlagTable<CliOptions>(Concat<CliOptions>({MuxFlags(), SamplingFlags(), SongFlags()}));
}

FlagTable<CliOptions> FlagsOf(Command command) {
  switch (command) {
    case Command::kHelp:
    case Command::kModels:
      return ConnectionFlagTable();
    case Command::kHealth:
      return FlagTable<CliOptions>(Concat<CliOptions>({CommonFlags(), HealthFlags()}));
    case Command::kGenerate:
      return FlagTable<CliOptions>(Concat<CliOptions>({CommonFlags(), GenerateFlags()}));
    case Command::kLoad:
      return FlagTable<CliOptions>(Concat<CliOptions>(
          {CommonFlags(), LoadFlags(), SamplingFlags(), SongFlags(), TraceFlags()}));
  }
  return FlagTable<CliOptions>({});
}

absl::StatusOr<CliOptions> ParseCommandLine(const std::vector<std::string>& args) {
  if (args.empty()) {
    return absl::InvalidArgumentError("no command: generate, models, health or load");
  }
  CliOptions options;
  ASSIGN_OR_RETURN(options.command, ParseCommand(args[0]));
  ASSIGN_OR_RETURN(const CommandLine line,
                   FlagsOf(options.command).Parse({args.begin() + 1, args.end()}, &options));
  if (line.help) return CliOptions{};
  if (!line.rest.empty()) return NotAFlagError(line.rest[0]);
  RETURN_IF_ERROR(CheckTls(options));
  if (options.command == Command::kLoad) {
    RETURN_IF_ERROR(CheckLoad(options));
    return options;
  }
  if (options.command != Command::kGenerate) return options;
  if (options.video.empty()) return absl::InvalidArgumentError("generate needs --video");
  if (options.output.empty()) return absl::InvalidArgumentError("generate needs --output");
  if (options.tokens == options.output) {
    return absl::InvalidArgumentError("--tokens and --output name the same file");
  }
  if (options.config.variants() > 1 && options.output == "-") {
    return absl::InvalidArgumentError("--variants needs a file as --output");
  }
  RETURN_IF_ERROR(SetFormat(&options));
  return options;
}

std::string HelpText() {
  return absl::StrCat(
      "Music for videos, made by a vidmuse server.\n\n"
      "usage: vidmuse generate --video FILE --output FILE [flags]\n"
      "       vidmuse models [--server ADDR]   what model a server runs and what it accepts\n"
      "       vidmuse health [--server ADDR]   exit code 0 only if it serves\n"
      "       vidmuse load --video FILE_OR_FOLDER (--concurrency N | --rate R) [flags]\n"
      "       vidmuse --version\n\n"
      "A flag is --name value or --name=value. Defaults that the server knows are in brackets.\n\n"
      "flags of every command:\n",
      FlagTable<CliOptions>(CommonFlags()).Help(), "\nflags of generate:\n",
      FlagTable<CliOptions>(GenerateFlags()).Help(), "\nflags of health:\n",
      FlagTable<CliOptions>(HealthFlags()).Help(),
      "\nflags of load, beside those of generate that say how a song is made:\n",
      FlagTable<CliOptions>(LoadFlags()).Help(),
      "\nExit codes: 0 the whole file was made, 1 it was not, 2 the command line is wrong, 130 "
      "interrupted.\n");
}

}  // namespace vidmuse
