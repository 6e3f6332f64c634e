// Reads a generator's stream to its end, for tests.
#ifndef VIDMUSE_TESTS_SUPPORT_STREAM_READER_H_
#define VIDMUSE_TESTS_SUPPORT_STREAM_READER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "vidmuse/generator.h"

namespace vidmuse {

struct ReadSong {
  GenerationStarted started;
  std::vector<AudioChunk> chunks;
  std::string bytes;             // data of the first variant's chunks, joined
  std::vector<uint16_t> tokens;  // tokens of the first variant's chunks, joined
  absl::StatusOr<GenerationFinished> finished = absl::UnknownError("not finished");
};

// The chunks of one variant, joined.
std::string BytesOf(const ReadSong& song, int variant);
std::vector<uint16_t> TokensOf(const ReadSong& song, int variant);

// What the client has of a song of one variant.
inline ResumePoint ResumeAt(std::vector<uint16_t> tokens, uint64_t received_bytes = 0) {
  ResumePoint point;
  point.variants.push_back({std::move(tokens), received_bytes});
  return point;
}

// Waits for the next event. Aborts the test program if none comes within `deadline`.
absl::StatusOr<StreamEvent> ReadEvent(MusicStream& stream, absl::Duration deadline);

// Reads until the stream has finished or failed. `deadline` applies to each event.
ReadSong ReadToEnd(MusicStream& stream, absl::Duration deadline);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_STREAM_READER_H_
