#include "client/cli/commands.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/cli/credentials.h"
#include "client/cli/load.h"
#include "client/cli/output_file.h"
#include "client/cli/progress.h"
#include "client/cli/tokens_file.h"
#include "client/cli/video_output.h"
#include "client/variant_state.h"
#include "core/base/small_file.h"
#include "core/base/status_macros.h"
#include "telemetry/otlp_exporter.h"
#include "telemetry/trace_context.h"
#include "telemetry/tracer.h"

namespace vidmuse {
namespace {

// Largest video from standard input. By default, servers accept less.
constexpr uint64_t kMaxSpoolBytes = 2ull << 30;
// For a collector to take the last spans.
constexpr absl::Duration kTraceFlush = absl::Seconds(2);

// Empty if it isn't set.
std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Largest prompt that is sent. By default, servers accept less.
constexpr size_t kMaxPromptBytes = 64 << 20;

// What was received of a song, for the tokens file and the summary.
struct Song {
  v1::GenerationStarted started;
  v1::GenerationFinished finished;
  std::vector<std::string> tokens;  // of each variant: packed, from frame 0 on
  int retries = 0;
  int restarts = 0;
  std::vector<Splice> splices;
};

// out.wav of several variants is out-1.wav and so on. The first variant is 0.
std::string PathOf(const std::string& path, int variant, int variants) {
  if (path.empty() || variants == 1) return path;
  std::filesystem::path file(path);
  file.replace_filename(
      absl::StrCat(file.stem().string(), "-", variant + 1, file.extension().string()));
  return file.string();
}

// Where the music of a variant goes.
struct Output {
  std::function<absl::Status(absl::string_view bytes)> append;
  std::function<absl::Status()> restart;  // empty: what was appended can't be taken back
  std::function<absl::Status(const Song&)> commit;
};

absl::StatusOr<Output> FileOutput(const std::string& path) {
  ASSIGN_OR_RETURN(std::shared_ptr<OutputFile> file, OutputFile::Create(path));
  Output output;
  output.append = [file](absl::string_view bytes) { return file->Append(bytes); };
  if (file->can_restart()) output.restart = [file] { return file->Restart(); };
  output.commit = [file](const Song&) { return file->Commit(); };
  return output;
}

// `video`, `options` and `cancellation` must outlive the result.
absl::StatusOr<Output> MuxedOutput(const CliOptions& options, const std::string& path, int variant,
                                   const VideoSource& video, const Cancellation* cancellation) {
  ASSIGN_OR_RETURN(std::shared_ptr<VideoOutput> file, VideoOutput::Create(path));
  Output output;
  output.append = [file](absl::string_view bytes) { return file->Append(bytes); };
  output.restart = [file] { return file->Restart(); };
  output.commit = [file, &options, variant, &video, cancellation](const Song& song) {
    v1::GenerationStarted started = song.started;
    started.set_seed(SeedOf(started, variant));
    return file->Commit(video, started, ToMuxOptions(options, [cancellation] {
                          return cancellation->cancelled();
                        }));
  };
  return output;
}

// One for each variant. The arguments must outlive the result.
absl::StatusOr<std::vector<Output>> Outputs(const CliOptions& options, const VideoSource& video,
                                            const Cancellation* cancellation) {
  std::vector<Output> outputs;
  const int variants = VariantsOf(options.config);
  for (int v = 0; v < variants; ++v) {
    const std::string path = PathOf(options.output, v, variants);
    ASSIGN_OR_RETURN(outputs.emplace_back(),
                     ContainerOfPath(path).empty()
                         ? FileOutput(path)
                         : MuxedOutput(options, path, v, video, cancellation));
  }
  return outputs;
}

absl::StatusOr<std::unique_ptr<MusicClient>> Connect(const CliOptions& options) {
  ClientOptions client;
  client.addresses = options.servers;
  ASSIGN_OR_RETURN(client.credentials, ChannelCredentials(options));
  ASSIGN_OR_RETURN(client.api_key, ApiKey(options));
  client.allow_plaintext_api_key = options.allow_plaintext_api_key;
  const bool makes_songs =
      options.command == Command::kGenerate || options.command == Command::kLoad;
  if (makes_songs) {
    // With the client's end the last spans are sent.
    ASSIGN_OR_RETURN(std::shared_ptr<OtlpExporter> exporter,
                     OtlpExporter::Open(options.otlp_endpoint, "vidmuse", kTraceFlush));
    if (exporter != nullptr) client.tracer = std::make_shared<const Tracer>(std::move(exporter));
  }
  return MusicClient::Create(std::move(client));
}

// Adds the tokens that are new in `chunk` to `song`.
void AddTokens(const v1::AudioChunk& chunk, Song* song) {
  const size_t frame_bytes = 2 * song->started.codebooks();
  const size_t at = chunk.first_frame() * frame_bytes;
  std::string& tokens = song->tokens[chunk.variant()];
  if (at + chunk.tokens().size() <= tokens.size()) return;
  tokens.append(chunk.tokens(), tokens.size() - at);
}

absl::Status CheckCodebooks(const CliOptions& options, const v1::GenerationStarted& started) {
  if (options.tokens.empty() || started.codebooks() == kTokensPerLine) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat("a tokens file has ", kTokensPerLine,
                                               " tokens a line; the model has ",
                                               started.codebooks(), " codebooks"));
}

// Returns the callbacks for a call. All arguments must outlive them.
GenerateSink MakeSink(const CliOptions& options, const std::vector<Output>& outputs,
                      Progress* progress, Song* song) {
  GenerateSink sink;
  sink.uploaded = [=](uint64_t sent) { progress->OnUploaded(sent); };
  sink.progress = [=](const v1::GenerationProgress& stage) { progress->OnProgress(stage); };
  sink.started = [&options, progress, song](const v1::GenerationStarted& started) {
    song->started = started;
    progress->OnStarted(started);
    return CheckCodebooks(options, started);
  };
  sink.chunk = [=, &outputs](const v1::AudioChunk& chunk) {
    progress->OnChunk(chunk);
    AddTokens(chunk, song);
    return outputs[chunk.variant()].append(chunk.data());
  };
  sink.finished = [=](const v1::GenerationFinished& finished) { song->finished = finished; };
  sink.retrying = [=](const absl::Status& status, absl::Duration delay) {
    ++song->retries;
    progress->OnRetry(status, delay);
  };
  sink.spliced = [=](const Splice& splice) { song->splices.push_back(splice); };
  if (!outputs.front().restart) return sink;
  sink.restart = [=, &outputs, given = song->tokens]() -> absl::Status {
    ++song->restarts;
    song->tokens = given;
    for (const Output& output : outputs) RETURN_IF_ERROR(output.restart());
    return absl::OkStatus();
  };
  return sink;
}

absl::Status Stream(const CliOptions& options, const v1::GenerateMusicConfig& config,
                    const VideoSource& video, const std::vector<Output>& outputs,
                    Cancellation* cancellation, Song* song) {
  ASSIGN_OR_RETURN(const std::unique_ptr<MusicClient> client, Connect(options));
  Progress progress(video.size());
  GenerateOptions generate;
  generate.config = config;
  generate.deadline = options.deadline;
  generate.cancellation = cancellation;
  // As OpenTelemetry hands a trace on in the environment.
  const std::string parent = Variable("TRACEPARENT");
  if (ParseTraceparent(parent)) {
    generate.traceparent = parent;
    if (IsTracestate(Variable("TRACESTATE"))) generate.tracestate = Variable("TRACESTATE");
  }
  const absl::Status status =
      client->Generate(generate, video, MakeSink(options, outputs, &progress, song));
  progress.Close();
  return status;
}

absl::Status WriteTokens(const CliOptions& options, const Song& song, absl::string_view suffix) {
  const int variants = VariantsOf(options.config);
  for (int v = 0; v < variants; ++v) {
    const std::string path = PathOf(options.tokens, v, variants);
    RETURN_IF_ERROR(WriteTokensFile(absl::StrCat(path, suffix), song.tokens[v]));
  }
  return absl::OkStatus();
}

// Reads the tokens that the variants go on from into `song` and `config`.
absl::Status ReadTokens(const CliOptions& options, Song* song, v1::GenerateMusicConfig* config) {
  const int variants = VariantsOf(options.config);
  song->tokens.resize(variants);
  for (int v = 0; v < variants && !options.resume.empty(); ++v) {
    ASSIGN_OR_RETURN(song->tokens[v], ReadTokensFile(PathOf(options.resume, v, variants)));
    if (variants == 1) {
      config->mutable_resume()->set_tokens(song->tokens[v]);
    } else {
      config->mutable_resume()->add_variants()->set_tokens(song->tokens[v]);
    }
  }
  return absl::OkStatus();
}

// Saves the tokens of a failed run, so that --resume can go on from them.
void KeepTokens(const CliOptions& options, const Song& song) {
  const bool any = std::any_of(song.tokens.begin(), song.tokens.end(),
                               [](const std::string& tokens) { return !tokens.empty(); });
  if (options.tokens.empty() || !any) return;
  constexpr absl::string_view kSuffix = ".part";
  const absl::Status status = WriteTokens(options, song, kSuffix);
  if (!status.ok()) {
    absl::FPrintF(stderr, "vidmuse: %s\n", status.ToString());
    return;
  }
  absl::FPrintF(stderr, "vidmuse: go on with --resume %s%s --seed %d\n", options.tokens, kSuffix,
                song.started.seed());
}

// Of a variant, in words.
std::string LoudnessOf(const v1::GenerationFinished& finished, int variant) {
  double lufs = finished.has_loudness_lufs() ? finished.loudness_lufs() : -HUGE_VAL;
  if (variant < finished.variant_loudness_lufs_size()) {
    lufs = finished.variant_loudness_lufs(variant);
  }
  return std::isfinite(lufs) ? absl::StrFormat("%.1f LUFS", lufs) : "silent";
}

void PrintSummary(const CliOptions& options, const Song& song, absl::Duration elapsed) {
  const double seconds =
      static_cast<double>(song.finished.total_samples()) / std::max(1u, song.started.sample_rate());
  const double took = absl::ToDoubleSeconds(elapsed);
  std::string notes;
  if (song.retries > 0) absl::StrAppendFormat(&notes, ", %d retries", song.retries);
  if (song.restarts > 0) absl::StrAppend(&notes, ", started over on a server of another kind");
  const int variants = VariantsOf(options.config);
  for (int v = 0; v < variants; ++v) {
    absl::FPrintF(stderr, "%s: %.1f s of music in %.1f s (%.2fx realtime), %s, seed %d%s\n",
                  PathOf(options.output, v, variants), seconds, took, seconds / took,
                  LoudnessOf(song.finished, v), SeedOf(song.started, v), notes);
  }
  for (const Splice& splice : song.splices) {
    absl::FPrintF(stderr,
                  "%s: spliced at sample %d: the rest comes from a server that may round "
                  "differently (fingerprint %s, before it %s)\n",
                  PathOf(options.output, splice.variant, variants), splice.first_sample,
                  splice.second_fingerprint, splice.first_fingerprint);
  }
}

}  // namespace

absl::Status RunGenerate(const CliOptions& options, Cancellation* cancellation) {
  const absl::Time begin = absl::Now();
  ASSIGN_OR_RETURN(const std::unique_ptr<VideoSource> video,
                   options.video == "-" ? VideoSource::Spool(STDIN_FILENO, kMaxSpoolBytes)
                                        : VideoSource::OpenFile(options.video));
  Song song;
  v1::GenerateMusicConfig config = options.config;
  RETURN_IF_ERROR(ReadTokens(options, &song, &config));
  if (!options.prompt.empty()) {
    ASSIGN_OR_RETURN(*config.mutable_prompt_audio(),
                     ReadNonEmptyFile(options.prompt, kMaxPromptBytes));
  }
  ASSIGN_OR_RETURN(const std::vector<Output> outputs, Outputs(options, *video, cancellation));
  absl::Status status = Stream(options, config, *video, outputs, cancellation, &song);
  if (!status.ok()) {
    KeepTokens(options, song);
    return status;
  }
  if (!options.tokens.empty()) RETURN_IF_ERROR(WriteTokens(options, song, ""));
  for (const Output& output : outputs) RETURN_IF_ERROR(output.commit(song));
  PrintSummary(options, song, absl::Now() - begin);
  return absl::OkStatus();
}

absl::Status RunLoad(const CliOptions& options, Cancellation* cancellation) {
  ASSIGN_OR_RETURN(const std::unique_ptr<MusicClient> client, Connect(options));
  return RunLoad(options, *client, cancellation);
}

absl::Status RunModels(const CliOptions& options) {
  ASSIGN_OR_RETURN(const std::unique_ptr<MusicClient> client, Connect(options));
  ASSIGN_OR_RETURN(const v1::GetModelInfoResponse info, client->GetModelInfo());
  absl::PrintF("%s (%s, %d parameters) on %s in %s\n", info.name(), info.scale(), info.parameters(),
               info.device(), info.precision());
  absl::PrintF(
      "audio: %d Hz, %d channel(s), up to %g s; %d codebooks of %d tokens, %d frames a "
      "second\n",
      info.sample_rate(), info.channels(), info.max_duration_seconds(), info.codebooks(),
      info.card(), info.frame_rate());
  const v1::RequestLimits& limits = info.limits();
  absl::PrintF(
      "limits: %d bytes, %g s, %dx%d, %d pixels, %g frames a second of video; %d "
      "requests queued, %d at once; messages of %d bytes; prompts of %d bytes\n",
      limits.max_video_bytes(), limits.max_video_seconds(), limits.max_frame_width(),
      limits.max_frame_height(), limits.max_frame_pixels(), limits.max_frames_per_second(),
      limits.max_queued_requests(), limits.max_batch(), limits.max_message_bytes(),
      limits.max_prompt_bytes());
  absl::PrintF("server %s\n%s\n", info.server_version(), info.license_note());
  return absl::OkStatus();
}

absl::Status RunHealth(const CliOptions& options) {
  ASSIGN_OR_RETURN(const std::unique_ptr<MusicClient> client, Connect(options));
  RETURN_IF_ERROR(client->CheckHealth(absl::Seconds(10), options.service));
  absl::PrintF("SERVING\n");
  return absl::OkStatus();
}

}  // namespace vidmuse
