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

std::string BytesOf(const ReadSong& song, int variant) {
  std::string bytes;
  for (const AudioChunk& chunk : song.chunks) {
    if (chunk.variant == variant) bytes += chunk.data;
  }
  return bytes;
}

std::vector<uint16_t> TokensOf(const ReadSong& song, int variant) {
  std::vector<uint16_t> tokens;
  for (const AudioChunk& chunk : song.chunks) {
    if (chunk.variant != variant) continue;
    tokens.insert(tokens.end(), chunk.tokens.begin(), chunk.tokens.end());
  }
  return tokens;
}

namespace {

// Reads until the stream has finished or failed.
ReadSong ReadEvents(MusicStream& stream, absl::Duration deadline) {
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
      song.chunks.push_back(std::move(*chunk));
    }
  }
}

}  // namespace

ReadSong ReadToEnd(MusicStream& stream, absl::Duration deadline) {
  ReadSong song = ReadEvents(stream, deadline);
  song.bytes = BytesOf(song, 0);
  song.tokens = TokensOf(song, 0);
  return song;
}

}  // namespace vidmuse
