// What a client has of a song while its stream arrives, possibly over several connections.
#ifndef VIDMUSE_CLIENT_STREAM_STATE_H_
#define VIDMUSE_CLIENT_STREAM_STATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/variant_state.h"
#include "vidmuse/v1/music.pb.h"

namespace vidmuse {

// How the next attempt continues the song.
enum class ResumeMode {
  // Resume after the last byte, on a server with the fingerprint of the one that made it.
  kExact,
  // Resume after the last byte, on any server.
  kSplice,
  // Start over from the first byte, with the same seed, on any server.
  kRestart,
};

// Checks that what arrives is one song without gaps, and fails with DATA_LOSS otherwise. Not
// thread-safe.
class StreamState {
 public:
  // `given` is what the caller already has: tokens, and the fingerprint of the server that made
  // them. `variants` is how many songs the call asks for.
  explicit StreamState(v1::ResumeFrom given, int variants = 1);

  // To be called before each attempt. The server will send `started` again.
  void BeginAttempt();

  // Takes the first `started`, or one that resumes the song, which must then be the same song. Its
  // fingerprint applies to the rest of the song. Fails with INVALID_ARGUMENT if the given tokens
  // don't fit the song.
  absl::Status OnStarted(const v1::GenerationStarted& started);
  absl::Status OnChunk(const v1::AudioChunk& chunk);
  absl::Status OnFinished(const v1::GenerationFinished& finished);

  // Sets the seed, the sampling in force and the resume point of the next attempt in `config`.
  void FillConfig(ResumeMode mode, v1::GenerateMusicConfig* config) const;

  // Forgets what was received, except the song's seed and sampling. The given tokens stay.
  void Restart();

  // The fingerprint that the server of the next exact attempt must have; empty if any will do.
  const std::string& required_fingerprint() const;

  // Returns whether the rest may come from a server with another fingerprint without damage to the
  // stream. This holds for raw samples and WAV at a sample boundary, and for other formats before
  // their first byte.
  bool CanSplice() const;
  // Returns whether anything was received that the caller did not have before.
  bool HasNew() const;

  // The last accepted `started`, if any.
  const std::optional<v1::GenerationStarted>& started() const { return started_; }
  bool finished() const { return finished_; }

  int variants() const { return static_cast<int>(variants_.size()); }
  uint64_t received_bytes() const;  // of all variants
  // See VariantState.
  uint64_t received_samples(int variant = 0) const;
  uint64_t held_frames(int variant = 0) const;

  // Grows with every new token and byte.
  uint64_t progress() const;

 private:
  absl::Status CheckSameSong(const v1::GenerationStarted& started) const;
  absl::Status CheckGivenTokens(const v1::GenerationStarted& started) const;
  void FillReceived(v1::ResumeFrom* resume) const;

  const v1::ResumeFrom given_;
  std::optional<v1::GenerationStarted> started_;
  // After Restart: the `started` whose seed and sampling the song keeps.
  std::optional<v1::GenerationStarted> before_restart_;
  std::vector<VariantState> variants_;
  bool finished_ = false;
  bool attempt_started_ = false;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_STREAM_STATE_H_
