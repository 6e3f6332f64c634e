// The settings of a song as an HTTP query or form has them.
#ifndef VIDMUSE_CLIENT_GATEWAY_MUSIC_QUERY_H_
#define VIDMUSE_CLIENT_GATEWAY_MUSIC_QUERY_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/cli/flags.h"

namespace vidmuse {

class MusicQuery {
 public:
  // Sets the field, which has a command line flag's name: seed, duration, loudness, ... `format`
  // may be a video's container too: mp4, m4v, mov, mkv or webm. INVALID_ARGUMENT names the field.
  absl::Status Set(absl::string_view name, absl::string_view value);

  // The tune that the song begins with, as a sound file.
  void SetPrompt(std::string bytes) { options_.config.set_prompt_audio(std::move(bytes)); }

  const CliOptions& options() const { return options_; }
  // The extension of a video with the music, such as ".mp4"; empty: the music alone.
  const std::string& container() const { return container_; }
  // After all fields were set. INVALID_ARGUMENT: the fields don't go together.
  absl::Status Finish();
  const char* content_type() const;

 private:
  CliOptions options_;
  std::string container_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_GATEWAY_MUSIC_QUERY_H_
