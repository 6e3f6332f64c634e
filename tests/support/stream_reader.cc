#include "tests/support/stream_reader.h"

#include <cstdio>
#include <cstdlib>
#include <utility>
#include <variant>

#include "tests/support/notification.h"

namespace vidmuse {

absl::StatusOr<StreamEvent> ReadEvent(MusicStream& stream, absl::Duration deadline) {
  absl::StatusOr<StreamEvent> result = absl::UnknownError("no event");
  Notification done;
  stream.Read([&](absl::StatusOr<StreamEvent> event) {
    result = std::move(event);
    done.Notify();
  });
  if (!done.WaitFor(deadline)) {
    std::fprintf(stderr, "no event came\n");
    std::abort();  // a late callback would use variables that no longer exist
  }
  return result;
}

ReadSong ReadToEnd(MusicStream& stream, absl::Duration deadline) {
  ReadSong song;
  for (;;) {
    absl::StatusOr<StreamEvent> event = ReadEvent(stream, deadline);
    if (!event.ok()) {
      song.finished = event.status();
      return song;
    }
    if (auto* started = std::get_if<GenerationStarted>(&*event)) song.started = *started;
    if (auto* finished = std::get_if<GenerationFinished>(&*event)) {
      song.finished = *finished;
      return song;
    }
    if (auto* chunk = std::get_if<AudioChunk>(&*event)) {
      song.bytes += chunk->data;
      song.tokens.insert(song.tokens.end(), chunk->tokens.begin(), chunk->tokens.end());
      song.chunks.push_back(std::move(*chunk));
    }
  }
}

}  // namespace vidmuse
