// The settings of a song as an HTTP query or form has them.
#ifndef VIDMUSE_CLIENT_GATEWAY_MUSIC_QUERY_H_
#define VIDMUSE_CLIENT_GATEWAY_MUSIC_QUERY_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/cli/flags.h"
#include "client/gateway/song_stream.h"

namespace vidmuse {

class MusicQuery {
 public:
  // Sets the field, which has a command line flag's name: seed, duration, loudness, ... `format`
  // may be a video's container too: mp4, m4v, mov, mkv or webm. INVALID_ARGUMENT names the field.
  absl::Status Set(absl::string_view name, absl::string_view value);

  // The answer is events. To be called before the fields are set, of which `tokens` says whether
  // events have the tokens.
  void SetEvents() { form_ = SongForm::kEvents; }
  // The text of a tokens file with the song's first tokens. INVALID_ARGUMENT names what is wrong.
  absl::Status SetResume(absl::string_view text);
  // The tune that the song begins with, as a sound file.
  void SetPrompt(std::string bytes) { options_.config.set_prompt_audio(std::move(bytes)); }

  const CliOptions& options() const { return options_; }
  // The extension of a video with the music, such as ".mp4"; empty: the music alone.
  const std::string& container() const { return container_; }
  SongForm form() const { return form_; }
  // After all fields were set. INVALID_ARGUMENT: the fields don't go together.
  absl::Status Finish();
  const char* content_type() const;

 private:
  absl::Status SetTokens(absl::string_view value);

  CliOptions options_;
  std::string container_;
  SongForm form_ = SongForm::kFile;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_GATEWAY_MUSIC_QUERY_H_
