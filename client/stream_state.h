// What a client holds of a song while its stream comes in, possibly over several connections.
#ifndef VIDMUSE_CLIENT_STREAM_STATE_H_
#define VIDMUSE_CLIENT_STREAM_STATE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "vidmuse/v1/music.pb.h"

namespace vidmuse {

// Checks that what arrives is one song without gaps: DATA_LOSS otherwise. Used by one thread at a
// time.
class StreamState {
 public:
  // `tokens`: what the caller already holds, packed as in AudioChunk.tokens.
  explicit StreamState(std::string tokens) : tokens_(std::move(tokens)) {}

  // A new connection: the server will say `started` again.
  void BeginAttempt();

  absl::Status OnStarted(const v1::GenerationStarted& started);
  absl::Status OnChunk(const v1::AudioChunk& chunk);
  absl::Status OnFinished(const v1::GenerationFinished& finished);

  // Puts the seed and the resume point of the next attempt into `config`.
  void FillConfig(v1::GenerateMusicConfig* config) const;

  // The first `started` of the call, if it has come.
  bool started() const { return started_.has_value(); }
  bool started_in_attempt() const { return attempt_started_; }
  bool finished() const { return finished_; }

  // Grows with every token and every byte that is new.
  uint64_t progress() const { return tokens_.size() + received_bytes_; }

 private:
  absl::Status AddTokens(const v1::AudioChunk& chunk);
  absl::Status AddSamples(const v1::AudioChunk& chunk);

  std::optional<v1::GenerationStarted> started_;
  std::string tokens_;
  uint64_t received_bytes_ = 0;
  uint64_t next_sample_ = 0;  // end of the furthest chunk
  bool finished_ = false;

  bool attempt_started_ = false;
  std::optional<uint64_t> attempt_next_sample_;  // end of the attempt's last chunk
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_STREAM_STATE_H_
