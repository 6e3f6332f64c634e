#include "client/cli/commands.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
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
#include "core/base/small_file.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

// Largest video from standard input. By default, servers accept less.
constexpr uint64_t kMaxSpoolBytes = 2ull << 30;

// Largest prompt that is sent. By default, servers accept less.
constexpr size_t kMaxPromptBytes = 64 << 20;

// What was received of a song, for the tokens file and the summary.
struct Song {
  v1::GenerationStarted started;
  v1::GenerationFinished finished;
  std::string tokens;  // packed, from frame 0 on
  int retries = 0;
  int restarts = 0;
  std::vector<Splice> splices;
};

// Where the music goes.
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
absl::StatusOr<Output> MuxedOutput(const CliOptions& options, const VideoSource& video,
                                   const Cancellation* cancellation) {
  ASSIGN_OR_RETURN(std::shared_ptr<VideoOutput> file, VideoOutput::Create(options.output));
  Output output;
  output.append = [file](absl::string_view bytes) { return file->Append(bytes); };
  output.restart = [file] { return file->Restart(); };
  output.commit = [file, &options, &video, cancellation](const Song& song) {
    MuxOptions mux;
    mux.original_audio = options.original_audio;
    mux.music_gain_db = options.music_gain_db;
    mux.cancelled = [cancellation] { return cancellation->cancelled(); };
    return file->Commit(video, static_cast<int>(song.started.sample_rate()),
                        static_cast<int>(song.started.channels()), mux);
  };
  return output;
}

absl::StatusOr<std::unique_ptr<MusicClient>> Connect(const CliOptions& options) {
  ClientOptions client;
  client.addresses = options.servers;
  ASSIGN_OR_RETURN(client.credentials, ChannelCredentials(options));
  ASSIGN_OR_RETURN(client.api_key, ApiKey(options));
  client.allow_plaintext_api_key = options.allow_plaintext_api_key;
  return MusicClient::Create(std::move(client));
}

// Adds the tokens that are new in `chunk` to `song`.
void AddTokens(const v1::AudioChunk& chunk, Song* song) {
  const size_t frame_bytes = 2 * song->started.codebooks();
  const size_t at = chunk.first_frame() * frame_bytes;
  if (at + chunk.tokens().size() <= song->tokens.size()) return;
  song->tokens.append(chunk.tokens(), song->tokens.size() - at);
}

absl::Status CheckCodebooks(const CliOptions& options, const v1::GenerationStarted& started) {
  if (options.tokens.empty() || started.codebooks() == kTokensPerLine) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat("a tokens file has ", kTokensPerLine,
                                               " tokens a line; the model has ",
                                               started.codebooks(), " codebooks"));
}

// Returns the callbacks for a call. All arguments must outlive them.
GenerateSink MakeSink(const CliOptions& options, const Output& output, Progress* progress,
                      Song* song) {
  GenerateSink sink;
  sink.uploaded = [=](uint64_t sent) { progress->OnUploaded(sent); };
  sink.progress = [=](const v1::GenerationProgress& stage) { progress->OnProgress(stage); };
  sink.started = [&options, progress, song](const v1::GenerationStarted& started) {
    song->started = started;
    progress->OnStarted(started);
    return CheckCodebooks(options, started);
  };
  sink.chunk = [=](const v1::AudioChunk& chunk) {
    progress->OnChunk(chunk);
    AddTokens(chunk, song);
    return output.append(chunk.data());
  };
  sink.finished = [=](const v1::GenerationFinished& finished) { song->finished = finished; };
  sink.retrying = [=](const absl::Status& status, absl::Duration delay) {
    ++song->retries;
    progress->OnRetry(status, delay);
  };
  sink.spliced = [=](const Splice& splice) { song->splices.push_back(splice); };
  if (!output.restart) return sink;
  sink.restart = [=, given = song->tokens] {
    ++song->restarts;
    song->tokens = given;
    return output.restart();
  };
  return sink;
}

absl::Status Stream(const CliOptions& options, const v1::GenerateMusicConfig& config,
                    const VideoSource& video, const Output& output, Cancellation* cancellation,
                    Song* song) {
  ASSIGN_OR_RETURN(const std::unique_ptr<MusicClient> client, Connect(options));
  Progress progress(video.size());
  GenerateOptions generate;
  generate.config = config;
  generate.deadline = options.deadline;
  generate.cancellation = cancellation;
  const absl::Status status =
      client->Generate(generate, video, MakeSink(options, output, &progress, song));
  progress.Close();
  return status;
}

// Saves the tokens of a failed run, so that --resume can go on from them.
void KeepTokens(const CliOptions& options, const Song& song) {
  if (options.tokens.empty() || song.tokens.empty()) return;
  const std::string path = options.tokens + ".part";
  const absl::Status status = WriteTokensFile(path, song.tokens);
  if (!status.ok()) {
    absl::FPrintF(stderr, "vidmuse: %s\n", status.ToString());
    return;
  }
  absl::FPrintF(stderr, "vidmuse: go on with --resume %s --seed %d\n", path, song.started.seed());
}

void PrintSummary(const CliOptions& options, const Song& song, absl::Duration elapsed) {
  const double seconds =
      static_cast<double>(song.finished.total_samples()) / std::max(1u, song.started.sample_rate());
  const double took = absl::ToDoubleSeconds(elapsed);
  std::string notes;
  if (song.retries > 0) absl::StrAppendFormat(&notes, ", %d retries", song.retries);
  if (song.restarts > 0) absl::StrAppend(&notes, ", started over on a server of another kind");
  absl::FPrintF(stderr, "%s: %.1f s of music in %.1f s (%.2fx realtime), %s, seed %d%s\n",
                options.output, seconds, took, seconds / took,
                song.finished.has_loudness_lufs()
                    ? absl::StrFormat("%.1f LUFS", song.finished.loudness_lufs())
                    : "silent",
                song.started.seed(), notes);
  for (const Splice& splice : song.splices) {
    absl::FPrintF(stderr,
                  "%s: spliced at sample %d: the rest comes from a server that may round "
                  "differently (fingerprint %s, before it %s)\n",
                  options.output, splice.first_sample, splice.second_fingerprint,
                  splice.first_fingerprint);
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
  if (!options.resume.empty()) {
    ASSIGN_OR_RETURN(song.tokens, ReadTokensFile(options.resume));
    config.mutable_resume()->set_tokens(song.tokens);
  }
  if (!options.prompt.empty()) {
    ASSIGN_OR_RETURN(*config.mutable_prompt_audio(),
                     ReadNonEmptyFile(options.prompt, kMaxPromptBytes));
  }
  ASSIGN_OR_RETURN(const Output output, ContainerOfPath(options.output).empty()
                                            ? FileOutput(options.output)
                                            : MuxedOutput(options, *video, cancellation));
  absl::Status status = Stream(options, config, *video, output, cancellation, &song);
  if (!status.ok()) {
    KeepTokens(options, song);
    return status;
  }
  if (!options.tokens.empty()) RETURN_IF_ERROR(WriteTokensFile(options.tokens, song.tokens));
  RETURN_IF_ERROR(output.commit(song));
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
