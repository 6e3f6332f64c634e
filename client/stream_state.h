// What a client holds of a song while its stream comes in, possibly over several connections.
#ifndef VIDMUSE_CLIENT_STREAM_STATE_H_
#define VIDMUSE_CLIENT_STREAM_STATE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "vidmuse/v1/music.pb.h"

namespace vidmuse {

// How the next attempt takes up what is held.
enum class ResumeMode {
  // After the last byte, on a server with the fingerprint of the one that made it.
  kExact,
  // After the last byte, on any server.
  kSplice,
  // From the first byte, with the same seed, on any server.
  kRestart,
};

// Checks that what arrives is one song without gaps: DATA_LOSS otherwise. Used by one thread at a
// time.
class StreamState {
 public:
  // `given`: what the caller already holds: tokens, and the fingerprint of who made them.
  explicit StreamState(v1::ResumeFrom given) : given_(std::move(given)), tokens_(given_.tokens()) {}

  // A new connection: the server will say `started` again.
  void BeginAttempt();

  // The first `started`, or one that goes on with what is held: its song must be the same one. Its
  // fingerprint is that of the rest.
  absl::Status OnStarted(const v1::GenerationStarted& started);
  absl::Status OnChunk(const v1::AudioChunk& chunk);
  absl::Status OnFinished(const v1::GenerationFinished& finished);

  // Puts the seed, the sampling in force and the resume point of the next attempt into `config`.
  void FillConfig(ResumeMode mode, v1::GenerateMusicConfig* config) const;

  // Forgets what was received, but for the first `started`'s seed and sampling.
  void Restart();

  // What the server of the next exact attempt must have; empty: anything will do.
  const std::string& required_fingerprint() const;

  // Whether the rest may come from a server with another fingerprint without damage to the stream:
  // raw samples and WAV at a sample's boundary, other formats before their first byte.
  bool CanSplice() const;
  // Whether anything was received that the caller did not have before.
  bool HasNew() const { return received_bytes_ > 0 || tokens_.size() > given_.tokens().size(); }

  // The last `started` that was accepted, if any has come.
  const std::optional<v1::GenerationStarted>& started() const { return started_; }
  bool finished() const { return finished_; }

  uint64_t received_bytes() const { return received_bytes_; }
  // Samples per channel behind the bytes received, where they can be counted: raw samples and WAV.
  uint64_t received_samples() const;
  // Whole frames of tokens held.
  uint64_t held_frames() const;

  // Grows with every token and every byte that is new.
  uint64_t progress() const { return tokens_.size() + received_bytes_; }

 private:
  absl::Status CheckSameSong(const v1::GenerationStarted& started) const;
  absl::Status CheckGivenTokens(const v1::GenerationStarted& started) const;
  absl::Status AddTokens(const v1::AudioChunk& chunk);
  absl::Status AddSamples(const v1::AudioChunk& chunk);
  void AddBytes(const std::string& data);
  // Bytes before the first sample; nullopt: not known, or samples can't be told from bytes.
  std::optional<uint64_t> HeaderBytes() const;
  uint64_t BytesPerSample() const;

  const v1::ResumeFrom given_;
  std::optional<v1::GenerationStarted> started_;
  // After Restart: whose seed and sampling the song has.
  std::optional<v1::GenerationStarted> before_restart_;
  std::string tokens_;
  std::string head_;  // the stream's first bytes, where a WAV header lies
  uint64_t received_bytes_ = 0;
  uint64_t next_sample_ = 0;  // end of the furthest chunk
  bool finished_ = false;

  bool attempt_started_ = false;
  std::optional<uint64_t> attempt_next_sample_;  // end of the attempt's last chunk
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_STREAM_STATE_H_
