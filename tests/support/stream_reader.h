// Reads a generator's stream to its end, for tests.
#ifndef VIDMUSE_TESTS_SUPPORT_STREAM_READER_H_
#define VIDMUSE_TESTS_SUPPORT_STREAM_READER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "vidmuse/generator.h"

namespace vidmuse {

struct ReadSong {
  GenerationStarted started;
  std::vector<AudioChunk> chunks;
  std::string bytes;             // data of all chunks, joined
  std::vector<uint16_t> tokens;  // tokens of all chunks, joined
  absl::StatusOr<GenerationFinished> finished = absl::UnknownError("not finished");
};

// Waits for the next event. Aborts the test program if none comes within `deadline`.
absl::StatusOr<StreamEvent> ReadEvent(MusicStream& stream, absl::Duration deadline);

// Reads until the stream has finished or failed. `deadline` applies to each event.
ReadSong ReadToEnd(MusicStream& stream, absl::Duration deadline);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_STREAM_READER_H_
