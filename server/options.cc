#include "server/options.h"

#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/status_macros.h"
#include "server/flag.h"

namespace vidmuse {
namespace {

using O = ServerOptions;

constexpr uint64_t kMaxBytes = 1ull << 40;
constexpr int kMaxThreads = 1024;
constexpr double kMaxSeconds = 86400;

std::vector<Flag> ModelFlags() {
  return {
      StringFlag(
          "model_dir", [](O & o) -> auto& { return o.generator.model_dir; },
          "folder with state_dict.bin and compression_state_dict.bin (required)"),
      StringFlag(
          "codec_dir", [](O & o) -> auto& { return o.generator.codec_dir; },
          "folder of the Hugging Face EnCodec; empty: model_dir/encodec_32khz"),
      StringFlag(
          "model_name", [](O & o) -> auto& { return o.generator.model_name; },
          "name that clients and metrics see; empty: the last part of model_dir"),
      StringFlag(
          "device", [](O & o) -> auto& { return o.generator.device; },
          "auto (every GPU, else the CPU), cpu, cuda (every GPU) or a list such as cuda:0,cuda:1; "
          "max_batch and max_kv_bytes are a device's"),
      ChoiceFlag(
          "precision", [](O & o) -> auto& { return o.generator.precision; },
          {"fp32", "bf16", "fp16", "int8"},
          "of the weights; empty: the device's best that holds quality"),
      IntFlag(
          "device_threads", [](O & o) -> auto& { return o.generator.device_threads; }, 0,
          kMaxThreads, "threads of a decoding step; 0: one a core"),
      IntFlag(
          "video_threads", [](O & o) -> auto& { return o.generator.video_threads; }, 0, kMaxThreads,
          "videos decoded at once; 0: one a core"),
      IntFlag(
          "encode_threads", [](O & o) -> auto& { return o.generator.encode_threads; }, 0,
          kMaxThreads, "threads that encode video frames; 0: one a core"),
      IntFlag(
          "codec_threads", [](O & o) -> auto& { return o.generator.codec_threads; }, 0, kMaxThreads,
          "streams whose audio is decoded at once; 0: one a core, or two a GPU"),
      ChoiceFlag(
          "video_sandbox", [](O & o) -> auto& { return o.generator.video_sandbox; },
          {"required", "best_effort", "off"},
          "videos are decoded in processes of their own, which may only compute; best_effort: with "
          "what the kernel has, off: in the server's own process"),
      UintFlag(
          "max_kv_bytes", [](O & o) -> auto& { return o.generator.max_kv_bytes; }, 0, kMaxBytes,
          "memory for running requests; 0: half of what is free at start"),
  };
}

std::vector<Flag> LimitFlags() {
  return {
      IntFlag(
          "max_batch", [](O & o) -> auto& { return o.generator.limits.max_batch; }, 1, 256,
          "requests decoded together"),
      UintFlag(
          "max_video_bytes", [](O & o) -> auto& { return o.generator.limits.max_video_bytes; }, 1,
          kMaxBytes, "size of a video file"),
      RealFlag(
          "max_video_seconds", [](O & o) -> auto& { return o.generator.limits.max_video_seconds; },
          1, kMaxSeconds, "length of a video, and so of the music"),
      IntFlag(
          "max_frame_width", [](O & o) -> auto& { return o.generator.limits.max_frame_width; }, 1,
          32768, "width of a video, in pixels"),
      IntFlag(
          "max_frame_height", [](O & o) -> auto& { return o.generator.limits.max_frame_height; }, 1,
          32768, "height of a video, in pixels"),
      Int64Flag(
          "max_frame_pixels", [](O & o) -> auto& { return o.generator.limits.max_frame_pixels; }, 1,
          int64_t{1} << 30, "width times height of a video"),
      RealFlag(
          "max_frames_per_second",
          [](O & o) -> auto& { return o.generator.limits.max_frames_per_second; }, 1, 10000,
          "frame rate of a video"),
      UintFlag(
          "max_decoder_bytes", [](O & o) -> auto& { return o.generator.limits.max_decoder_bytes; },
          16 << 20, kMaxBytes, "memory to decode one video with, in its sandbox"),
      UintFlag(
          "max_decoders_bytes",
          [](O & o) -> auto& { return o.generator.limits.max_decoders_bytes; }, 0, kMaxBytes,
          "memory to decode all videos with that are decoded at once, each in its sandbox; the "
          "others wait. 0: a quarter of what is free at start"),
      IntFlag(
          "max_queued_requests",
          [](O & o) -> auto& { return o.generator.limits.max_queued_requests; }, 1, 100000,
          "requests admitted and not yet running"),
      UintFlag(
          "max_queued_bytes", [](O & o) -> auto& { return o.generator.limits.max_queued_bytes; }, 1,
          kMaxBytes, "videos, frames, conditions and held-back songs of all requests"),
      UintFlag(
          "max_stream_buffer_bytes",
          [](O & o) -> auto& { return o.generator.limits.max_stream_buffer_bytes; }, 1 << 10,
          1u << 30, "unread output of a request, beyond which it pauses"),
  };
}

std::vector<Flag> ServiceFlags() {
  return {
      AddressFlag(
          "listen", [](O & o) -> auto& { return o.listen; }, false,
          "where gRPC listens; port 0 picks a free one"),
      AddressFlag(
          "metrics_listen", [](O & o) -> auto& { return o.metrics_listen; }, true,
          "where /metrics is served; port 0 picks a free one, empty: nowhere"),
      StringFlag(
          "tls_cert", [](O & o) -> auto& { return o.tls_cert; },
          "the server's certificate chain in PEM; empty: plain text. The three TLS files are read "
          "again when they change"),
      StringFlag(
          "tls_key", [](O & o) -> auto& { return o.tls_key; }, "private key of --tls_cert, in PEM"),
      StringFlag(
          "tls_client_ca", [](O & o) -> auto& { return o.tls_client_ca; },
          "authorities in PEM; set: a client needs a certificate of theirs"),
      StringFlag(
          "api_keys_file", [](O & o) -> auto& { return o.api_keys_file; },
          "SHA-256 hashes of the keys that clients may call with, one \"HASH [NAME]\" a line; read "
          "again when it changes; while it holds none, nobody may call. Health checks need no key. "
          "Empty: no call does"),
      RealFlag(
          "max_connection_age_seconds", [](O & o) -> auto& { return o.max_connection_age_seconds; },
          0, kMaxSeconds,
          "a connection takes no new calls after it, so that clients spread over new replicas; "
          "running calls end as they would. 0: never"),
      IntFlag(
          "max_message_bytes", [](O & o) -> auto& { return o.max_message_bytes; }, 1 << 10, 1 << 30,
          "size of one message from a client"),
      IntFlag(
          "max_connections", [](O & o) -> auto& { return o.max_connections; }, 1, 100000,
          "connections at once; more are closed as they come. Each takes two file descriptors: "
          "fewer than the default if the process may not open so many"),
      IntFlag(
          "max_concurrent_uploads", [](O & o) -> auto& { return o.max_concurrent_uploads; }, 1,
          100000, "calls whose video is on its way"),
      IntFlag(
          "max_uploads_per_key", [](O & o) -> auto& { return o.max_uploads_per_key; }, 0, 100000,
          "of these, those with the same API key's name; 0: half of them"),
      IntFlag(
          "max_requests_per_key", [](O & o) -> auto& { return o.max_requests_per_key; }, 0, 100000,
          "calls at once with the same API key's name; 0: half of max_queued_requests and "
          "max_batch "
          "together"),
      RealFlag(
          "upload_timeout_seconds", [](O & o) -> auto& { return o.upload_timeout_seconds; }, 0.01,
          kMaxSeconds, "for a whole upload"),
      RealFlag(
          "upload_idle_timeout_seconds",
          [](O & o) -> auto& { return o.upload_idle_timeout_seconds; }, 0.01, kMaxSeconds,
          "between two messages of an upload"),
      RealFlag(
          "first_message_timeout_seconds",
          [](O & o) -> auto& { return o.first_message_timeout_seconds; }, 0.01, kMaxSeconds,
          "from the start of a call to its first message"),
      RealFlag(
          "min_upload_bytes_per_second",
          [](O & o) -> auto& { return o.min_upload_bytes_per_second; }, 0, 1e9,
          "that an upload brings on average, once it has lasted upload_idle_timeout_seconds; "
          "slower "
          "ones are ended. 0: none are"),
      RealFlag(
          "send_timeout_seconds", [](O & o) -> auto& { return o.generator.send_timeout_seconds; },
          0.01, kMaxSeconds,
          "for a client to take a message; then it is cut off, and may go on with `resume`"),
      RealFlag(
          "progress_seconds", [](O & o) -> auto& { return o.generator.progress_seconds; }, 0.01,
          kMaxSeconds, "after which a call that was sent nothing is told where its request stands"),
      RealFlag(
          "drain_seconds", [](O & o) -> auto& { return o.drain_seconds; }, 0, kMaxSeconds,
          "for the server to end after SIGTERM or SIGINT, one second at least. Running requests "
          "have all of it but the last two seconds, in which clients are sent elsewhere"),
      RealFlag(
          "self_test_seconds", [](O & o) -> auto& { return o.self_test_seconds; }, 0.01,
          kMaxSeconds, "for the self-test at the start and for the model's first step, each"),
  };
}

absl::Status SetFlag(absl::string_view name, absl::string_view value, ServerOptions& options) {
  for (const Flag& flag : Flags()) {
    if (flag.name != name) continue;
    options.given.insert(flag.name);
    return flag.set(options, value);
  }
  return absl::InvalidArgumentError(absl::StrCat("--", name, ": no such flag, see --help"));
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
      const absl::Status set = SetFlag(name, entry.second.Scalar(), options);
      if (!set.ok()) return error(set.message());
    }
  } catch (const YAML::Exception& e) {
    return error(e.what());
  }
  return absl::OkStatus();
}

struct Setting {
  std::string name;
  std::string value;
};

// Splits the arguments, each `--name=value` or `--name value`.
absl::StatusOr<std::vector<Setting>> SplitArguments(const std::vector<std::string>& args) {
  std::vector<Setting> settings;
  for (size_t i = 0; i < args.size(); ++i) {
    absl::string_view arg = args[i];
    if (arg == "--help" || arg == "-h") arg = "--help";
    if (arg == "--help" || arg == "--self_test") {
      settings.push_back({std::string(arg.substr(2)), ""});
      continue;
    }
    if (!absl::ConsumePrefix(&arg, "--") || arg.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", args[i], "\" is not a flag, see --help"));
    }
    const size_t equals = arg.find('=');
    if (equals != absl::string_view::npos) {
      settings.push_back({std::string(arg.substr(0, equals)), std::string(arg.substr(equals + 1))});
    } else if (i + 1 < args.size()) {
      settings.push_back({std::string(arg), args[++i]});
    } else {
      return absl::InvalidArgumentError(absl::StrCat("--", arg, ": no value, see --help"));
    }
  }
  return settings;
}

}  // namespace

const std::vector<Flag>& Flags() {
  static const auto* flags = [] {
    auto* all = new std::vector<Flag>(ModelFlags());
    for (const auto& group : {LimitFlags(), ServiceFlags()}) {
      all->insert(all->end(), group.begin(), group.end());
    }
    return all;
  }();
  return *flags;
}

absl::StatusOr<ServerOptions> ParseOptions(const std::vector<std::string>& args) {
  ServerOptions options;
  ASSIGN_OR_RETURN(const std::vector<Setting> settings, SplitArguments(args));
  for (const Setting& setting : settings) {
    if (setting.name == "help") {
      options.help = true;
      return options;
    }
    if (setting.name == "config") RETURN_IF_ERROR(ReadConfig(setting.value, options));
  }
  for (const Setting& setting : settings) {
    if (setting.name == "config") continue;
    if (setting.name == "self_test") {
      options.self_test = true;
      continue;
    }
    RETURN_IF_ERROR(SetFlag(setting.name, setting.value, options));
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
  const ServerOptions defaults;
  std::string text =
      "Usage: vidmuse_server --model_dir DIR [--name=value | --name value]...\n"
      "Serves VidMuse, music for videos, over gRPC.\n\n";
  const auto add = [&text](absl::string_view name, absl::string_view type, absl::string_view value,
                           absl::string_view help) {
    absl::StrAppend(&text, "  --", name, "  (", type,
                    value.empty() ? "" : absl::StrCat("; default ", value), ")\n      ", help,
                    "\n");
  };
  add("config", "file", "", "YAML with these names and their values; the command line wins");
  for (const Flag& flag : Flags()) add(flag.name, flag.type, flag.get(defaults), flag.help);
  add("self_test", "no value", "",
      "computes what every start computes first on the CPU and on each GPU of --device, tells how "
      "far off it is and how long a step takes, and ends with 1 if it is wrong; with "
      "--model_dir, a step of that model too");
  add("help", "no value", "", "prints this");
  return text;
}

}  // namespace vidmuse
