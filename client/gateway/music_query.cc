#include "client/gateway/music_query.h"

#include "absl/strings/str_cat.h"
#include "client/cli/tokens_file.h"
#include "core/base/status_macros.h"

namespace vidmuse {

absl::Status MusicQuery::Set(absl::string_view name, absl::string_view value) {
  if (name == "tokens") return SetTokens(value);
  static const auto* fields = new FlagTable<CliOptions>(SongFlagTable());
  const bool container = name == "format" && !ContainerOfPath(absl::StrCat(".", value)).empty();
  if (container) {
    container_ = absl::StrCat(".", value);
    return absl::OkStatus();
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
  options_.output = absl::StrCat("music", container_);
  if (form_ != SongForm::kFile && !container_.empty()) {
    return absl::InvalidArgumentError("field format: events carry audio, not a video");
  }
  return SetFormat(&options_);
}

const char* MusicQuery::content_type() const {
  if (container_ == ".mp4") return "video/mp4";
  if (container_ == ".mov") return "video/quicktime";
  if (container_ == ".mkv") return "video/x-matroska";
  if (container_ == ".webm") return "video/webm";
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
