// What a client has of one variant of a song while the call's stream arrives.
#ifndef VIDMUSE_CLIENT_VARIANT_STATE_H_
#define VIDMUSE_CLIENT_VARIANT_STATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "vidmuse/v1/music.pb.h"

namespace vidmuse {

// How many songs a call with this config makes. A number that servers refuse counts as the nearest
// that they take.
int VariantsOf(const v1::GenerateMusicConfig& config);

// A variant's own seed. Older servers send the first one's alone.
uint64_t SeedOf(const v1::GenerationStarted& song, int variant);

// Checks that a variant's chunks have no gaps, and fails with DATA_LOSS otherwise. `song` is the
// call's `started`, whose format, codebooks and lengths count. Not thread-safe.
class VariantState {
 public:
  // `given`: tokens that the caller already has, packed as in v1::AudioChunk.tokens.
  explicit VariantState(std::string given) : given_(std::move(given)), tokens_(given_) {}

  void BeginAttempt() { attempt_next_sample_.reset(); }
  // Forgets what was received. The given tokens stay.
  void Restart();

  // INVALID_ARGUMENT: the given tokens don't fit the song.
  absl::Status CheckGiven(const v1::GenerationStarted& song) const;
  absl::Status OnChunk(const v1::GenerationStarted& song, const v1::AudioChunk& chunk);
  // DATA_LOSS: something of the variant is missing.
  absl::Status CheckWhole(const v1::GenerationStarted& song) const;

  // Returns whether the rest may come from a server that makes other bytes (see StreamState).
  bool CanSplice(const v1::GenerationStarted& song) const;
  // Returns whether anything was received that the caller did not have before.
  bool HasNew() const { return received_bytes_ > 0 || tokens_.size() > given_.size(); }

  const std::string& given() const { return given_; }
  const std::string& tokens() const { return tokens_; }
  uint64_t received_bytes() const { return received_bytes_; }
  // Samples per channel in the bytes received. 0 for formats other than raw samples and WAV.
  uint64_t received_samples(const v1::GenerationStarted& song) const;
  // Number of whole frames of tokens that are held.
  uint64_t held_frames(const v1::GenerationStarted& song) const;

 private:
  absl::Status AddTokens(const v1::GenerationStarted& song, const v1::AudioChunk& chunk);
  absl::Status AddSamples(const v1::GenerationStarted& song, const v1::AudioChunk& chunk);
  // Bytes before the first sample, or nullopt if that is unknown or the format is compressed.
  std::optional<uint64_t> HeaderBytes(const v1::GenerationStarted& song) const;

  const std::string given_;
  std::string tokens_;
  std::string head_;  // the stream's first bytes, which hold a WAV header
  uint64_t received_bytes_ = 0;
  uint64_t next_sample_ = 0;                     // end of the chunk that reaches furthest
  std::optional<uint64_t> attempt_next_sample_;  // end of the attempt's last chunk
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_VARIANT_STATE_H_
