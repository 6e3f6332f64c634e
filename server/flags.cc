#include "server/flags.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/flag_type.h"
#include "core/base/origin_mark.h"
#include "core/base/status_macros.h"
#include "telemetry/otlp_options.h"
#include "vidmuse/generator.h"
#include "vidmuse/limits.h"

namespace vidmuse {
namespace {

constexpr uint64_t kMaxBytes = 1ull << 40;
constexpr int kMaxThreads = 1024;
constexpr double kMaxSeconds = 86400;

FlagType<std::string> OriginTextType() {
  FlagType<std::string> type = TextType();
  type.parse = [](absl::string_view text) -> absl::StatusOr<std::string> {
    RETURN_IF_ERROR(CheckOriginText(text));
    return std::string(text);
  };
  return type;
}

std::vector<Flag<GeneratorOptions>> ModelFlags() {
  return {
      {"model_dir", &GeneratorOptions::model_dir, TextType(),
       "folder with state_dict.bin and compression_state_dict.bin (required)"},
      {"codec_dir", &GeneratorOptions::codec_dir, TextType(),
       "folder of the Hugging Face EnCodec; empty: model_dir/encodec_32khz"},
      {"model_name", &GeneratorOptions::model_name, TextType(),
       "name that clients and metrics see; empty: the last part of model_dir"},
      {"origin_text", &GeneratorOptions::origin_text, OriginTextType(),
       absl::StrCat("words of yours that every file names beside its origin (AI-generated, model, "
                    "version, seed), at most ",
                    kMaxOriginTextBytes,
                    " bytes of UTF-8; replicas with other words don't go on with one another's "
                    "songs")},
      {"device", &GeneratorOptions::device, TextType(),
       "auto (every GPU, else the CPU), cpu, cuda (every GPU) or a list such as cuda:0,cuda:1; "
       "max_batch and max_kv_bytes are a device's"},
      {"precision", &GeneratorOptions::precision,
       ChoiceType({"fp32", "bf16", "fp16", "int8", "int4", "fp32_full"}),
       "of the weights; fp32 keeps attention's keys and values in 24 bits, fp32_full in 32; int4 "
       "is the "
       "fastest and the least exact; empty: the device's best that holds quality"},
      {"device_threads", &GeneratorOptions::device_threads, NumberType<int>(0, kMaxThreads),
       "threads of a decoding step; 0: one a core, and one each 10 MB of weights at most: so many "
       "read as fast as memory is"},
      {"video_threads", &GeneratorOptions::video_threads, NumberType<int>(0, kMaxThreads),
       "videos decoded at once; 0: one a core"},
      {"encode_threads", &GeneratorOptions::encode_threads, NumberType<int>(0, kMaxThreads),
       "threads that encode video frames; 0: one a core"},
      {"codec_threads", &GeneratorOptions::codec_threads, NumberType<int>(0, kMaxThreads),
       "streams whose audio is decoded at once; 0: one a core, or two a GPU"},
      {"video_sandbox", &GeneratorOptions::video_sandbox,
       ChoiceType({"required", "best_effort", "off"}),
       "videos are decoded in processes of their own, which may only compute; best_effort: with "
       "what the kernel has, off: in the server's own process"},
      {"max_kv_bytes", &GeneratorOptions::max_kv_bytes, NumberType<uint64_t>(0, kMaxBytes),
       "memory for running requests; 0: half of what is free at start"},
  };
}

std::vector<Flag<Limits>> LimitFlags() {
  return {
      {"max_batch", &Limits::max_batch, NumberType<int>(1, 256), "requests decoded together"},
      {"max_video_bytes", &Limits::max_video_bytes, NumberType<uint64_t>(1, kMaxBytes),
       "size of a video file"},
      {"max_video_seconds", &Limits::max_video_seconds, NumberType<double>(1, kMaxSeconds),
       "length of a video, and so of the music"},
      {"max_prompt_bytes", &Limits::max_prompt_bytes, NumberType<uint64_t>(1, kMaxBytes),
       "size of a prompt's sound file, which comes in one message with the rest of the config (see "
       "--max_message_bytes)"},
      {"max_frame_width", &Limits::max_frame_width, NumberType<int>(1, 32768),
       "width of a video, in pixels"},
      {"max_frame_height", &Limits::max_frame_height, NumberType<int>(1, 32768),
       "height of a video, in pixels"},
      {"max_frame_pixels", &Limits::max_frame_pixels, NumberType<int64_t>(1, int64_t{1} << 30),
       "width times height of a video"},
      {"max_frames_per_second", &Limits::max_frames_per_second, NumberType<double>(1, 10000),
       "frame rate of a video"},
      {"max_decoder_bytes", &Limits::max_decoder_bytes, NumberType<uint64_t>(16 << 20, kMaxBytes),
       "memory to decode one video with, in its sandbox"},
      {"max_decoders_bytes", &Limits::max_decoders_bytes, NumberType<uint64_t>(0, kMaxBytes),
       "memory to decode all videos with that are decoded at once, each in its sandbox; the others "
       "wait. 0: a quarter of what is free at start"},
      {"max_queued_requests", &Limits::max_queued_requests, NumberType<int>(1, 100000),
       "requests admitted and not yet running"},
      {"max_queued_bytes", &Limits::max_queued_bytes, NumberType<uint64_t>(1, kMaxBytes),
       "videos, prompts, frames, conditions and held-back songs of all requests"},
      {"max_stream_buffer_bytes", &Limits::max_stream_buffer_bytes,
       NumberType<uint64_t>(1 << 10, 1u << 30),
       "unread output of a request, beyond which it pauses"},
  };
}

std::vector<Flag<ServerOptions>> ConnectionFlags() {
  return {
      {"listen", &ServerOptions::listen, AddressType(false),
       "where gRPC listens; port 0 picks a free one"},
      {"metrics_listen", &ServerOptions::metrics_listen, AddressType(true),
       "where /metrics is served; port 0 picks a free one, empty: nowhere"},
      {"tls_cert", &ServerOptions::tls_cert, TextType(),
       "the server's certificate chain in PEM; empty: plain text. The three TLS files are read "
       "again when they change"},
      {"tls_key", &ServerOptions::tls_key, TextType(), "private key of --tls_cert, in PEM"},
      {"tls_client_ca", &ServerOptions::tls_client_ca, TextType(),
       "authorities in PEM; set: a client needs a certificate of theirs"},
      {"api_keys_file", &ServerOptions::api_keys_file, TextType(),
       "SHA-256 hashes of the keys that clients may call with, one \"HASH [NAME]\" a line; read "
       "again when it changes; while it holds none, nobody may call. Health checks and load "
       "reports "
       "need no key. "
       "Empty: no call does"},
      {"max_connection_age_seconds", &ServerOptions::max_connection_age_seconds,
       NumberType<double>(0, kMaxSeconds),
       "a connection takes no new calls after it, so that clients spread over new replicas; "
       "running calls end as they would. 0: never"},
      {"max_message_bytes", &ServerOptions::max_message_bytes, NumberType<int>(1 << 10, 1 << 30),
       "size of one message from a client"},
      {"max_connections", &ServerOptions::max_connections, NumberType<int>(1, 100000),
       "connections at once; more are closed as they come. Each takes two file descriptors: fewer "
       "than the default if the process may not open so many"},
  };
}

std::vector<Flag<ServerOptions>> UploadFlags() {
  return {
      {"max_concurrent_uploads", &ServerOptions::max_concurrent_uploads, NumberType<int>(1, 100000),
       "calls whose video is on its way"},
      {"max_uploads_per_key", &ServerOptions::max_uploads_per_key, NumberType<int>(0, 100000),
       "of these, those with the same API key's name; 0: half of them"},
      {"max_requests_per_key", &ServerOptions::max_requests_per_key, NumberType<int>(0, 100000),
       "calls at once with the same API key's name; 0: half of max_queued_requests and max_batch "
       "together"},
      {"upload_timeout_seconds", &ServerOptions::upload_timeout_seconds,
       NumberType<double>(0.01, kMaxSeconds), "for a whole upload"},
      {"upload_idle_timeout_seconds", &ServerOptions::upload_idle_timeout_seconds,
       NumberType<double>(0.01, kMaxSeconds), "between two messages of an upload"},
      {"first_message_timeout_seconds", &ServerOptions::first_message_timeout_seconds,
       NumberType<double>(0.01, kMaxSeconds), "from the start of a call to its first message"},
      {"min_upload_bytes_per_second", &ServerOptions::min_upload_bytes_per_second,
       NumberType<double>(0, 1e9),
       "that an upload brings on average, once it has lasted upload_idle_timeout_seconds; slower "
       "ones are ended. 0: none are"},
  };
}

std::vector<Flag<GeneratorOptions>> StreamFlags() {
  return {
      {"send_timeout_seconds", &GeneratorOptions::send_timeout_seconds,
       NumberType<double>(0.01, kMaxSeconds),
       "for a client to take a message; then it is cut off, and may go on with `resume`"},
      {"stream_lead_seconds", &GeneratorOptions::stream_lead_seconds,
       NumberType<double>(0, kMaxSeconds),
       "of audio that a stream which is played while it is made may be ahead of its listener, "
       "before "
       "streams that have less go first. 86400: it keeps its place until its end"},
      {"progress_seconds", &GeneratorOptions::progress_seconds,
       NumberType<double>(0.01, kMaxSeconds),
       "after which a call that was sent nothing is told where its request stands"},
  };
}

std::vector<Flag<ServerOptions>> ProcessFlags() {
  return {
      {"drain_seconds", &ServerOptions::drain_seconds, NumberType<double>(0, kMaxSeconds),
       "for the server to end after SIGTERM or SIGINT, one second at least. Running requests have "
       "all of it but the last two seconds, in which clients are sent elsewhere"},
      {"self_test_seconds", &ServerOptions::self_test_seconds,
       NumberType<double>(0.01, kMaxSeconds),
       "for the self-test at the start and for the model's first step, each"},
  };
}

std::vector<Flag<ServerOptions>> TraceFlags() {
  return {
      {"otlp_endpoint", &ServerOptions::otlp_endpoint, OtlpEndpointType(),
       "OpenTelemetry collector that gets a trace of each request, by OTLP over gRPC; empty: what "
       "OTEL_EXPORTER_OTLP_ENDPOINT says, or none"},
      {"trace_sample_share", &ServerOptions::trace_sample_share, NumberType<double>(0, 1),
       "of the requests without a traceparent that are traced; one with it says so itself"},
  };
}

std::vector<Flag<ServerOptions>> CommandLineOnlyFlags() {
  return {
      {"config", &ServerOptions::config, FileType(),
       "file in YAML with the names below and their values; the command line wins"},
      {"self_test", &ServerOptions::self_test, BoolType(),
       "computes what every start computes first on the CPU and on each GPU of --device, tells how "
       "far off it is and how long a step takes, and ends with 1 if it is wrong; with --model_dir, "
       "a step of that model too"},
  };
}

}  // namespace

const FlagTable<ServerOptions>& ConfigFileFlags() {
  static const auto* const table = new FlagTable<ServerOptions>(Concat<ServerOptions>({
      Within(&ServerOptions::generator, ModelFlags()),
      Within(&ServerOptions::generator, Within(&GeneratorOptions::limits, LimitFlags())),
      ConnectionFlags(),
      UploadFlags(),
      Within(&ServerOptions::generator, StreamFlags()),
      ProcessFlags(),
      TraceFlags(),
  }));
  return *table;
}

const FlagTable<ServerOptions>& CommandLineFlags() {
  static const auto* const table = new FlagTable<ServerOptions>(
      Concat<ServerOptions>({CommandLineOnlyFlags(), ConfigFileFlags().flags()}));
  return *table;
}

}  // namespace vidmuse
