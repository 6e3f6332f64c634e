#include "client/gateway/music_query.h"

#include "absl/strings/str_cat.h"

namespace vidmuse {

absl::Status MusicQuery::Set(absl::string_view name, absl::string_view value) {
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

absl::Status MusicQuery::Finish() {
  if (options_.config.variants() > 1) {
    return absl::InvalidArgumentError("field variants: an answer holds one song");
  }
  options_.output = absl::StrCat("music", container_);
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
