#include "client/gateway/music_query.h"

#include "absl/strings/str_cat.h"
#include "client/cli/tokens_file.h"
#include "core/base/status_macros.h"

namespace vidmuse {

namespace {

struct VideoFormat {
  const char* name;  // an extension that ContainerOfPath knows, without its dot
  const char* content_type;
};
constexpr VideoFormat kVideoFormats[] = {{"mp4", "video/mp4"},
                                         {"m4v", "video/mp4"},
                                         {"mov", "video/quicktime"},
                                         {"mkv", "video/x-matroska"},
                                         {"webm", "video/webm"}};

}  // namespace

absl::Status MusicQuery::Set(absl::string_view name, absl::string_view value) {
  if (name == "tokens") return SetTokens(value);
  static const auto* fields = new FlagTable<CliOptions>(SongFlagTable());
  // A field that comes again, in a form after a query, replaces what it was.
  if (name == "format") {
    container_.clear();
    options_.config.clear_format();
    for (const VideoFormat& video : kVideoFormats) {
      if (value != video.name) continue;
      container_ = absl::StrCat(".", value);
      return absl::OkStatus();
    }
  }
  absl::Status status = fields->Set({std::string(name), std::string(value)}, &options_);
  if (status.ok()) return status;
  return absl::InvalidArgumentError(absl::StrCat("field ", name, ": ", status.message()));
}

absl::Status MusicQuery::SetTokens(absl::string_view value) {
  if (value != "true" && value != "false") {
    return absl::InvalidArgumentError("field tokens: expected true or false");
  }
  if (form_ == SongForm::kFile) {
    return absl::InvalidArgumentError("field tokens: only text/event-stream has tokens");
  }
  form_ = value == "true" ? SongForm::kEventsWithTokens : SongForm::kEvents;
  return absl::OkStatus();
}

absl::Status MusicQuery::SetResume(absl::string_view text) {
  ASSIGN_OR_RETURN(*options_.config.mutable_resume()->mutable_tokens(),
                   ParseTokens("field resume", text));
  return absl::OkStatus();
}

absl::Status MusicQuery::Finish() {
  if (form_ == SongForm::kFile && options_.config.variants() > 1) {
    return absl::InvalidArgumentError(
        "field variants: a file holds one song; text/event-stream has several");
  }
  if (container_.empty() &&
      (options_.original_audio != OriginalAudio::kDrop || options_.music_gain_db != 0)) {
    return absl::InvalidArgumentError(
        "original_audio and music_gain_db need a video's format: mp4, m4v, mov, mkv or webm");
  }
  options_.output = absl::StrCat("music", container_);
  if (form_ != SongForm::kFile && !container_.empty()) {
    return absl::InvalidArgumentError("field format: events carry audio, not a video");
  }
  return SetFormat(&options_);
}

const char* MusicQuery::content_type() const {
  for (const VideoFormat& video : kVideoFormats) {
    if (!container_.empty() && container_.substr(1) == video.name) return video.content_type;
  }
  switch (options_.config.format()) {
    case v1::AUDIO_FORMAT_WAV:
      return "audio/wav";
    case v1::AUDIO_FORMAT_FLAC:
      return "audio/flac";
    case v1::AUDIO_FORMAT_MP3:
      return "audio/mpeg";
    case v1::AUDIO_FORMAT_OGG_VORBIS:
      return "audio/ogg";
    default:
      return "application/octet-stream";  // raw samples
  }
}

}  // namespace vidmuse
