// From complete token frames to the chunks a client receives: codec, loudness, audio format.
#ifndef VIDMUSE_ENGINE_AUDIO_PIPELINE_H_
#define VIDMUSE_ENGINE_AUDIO_PIPELINE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/audio/audio_encoder.h"
#include "core/audio/loudness.h"
#include "core/model/music_model.h"
#include "vidmuse/types.h"

namespace vidmuse {

struct AudioPipelineOptions {
  AudioFormat format = AudioFormat::kWav;
  LoudnessMode loudness = LoudnessMode::kReference;
  int64_t total_frames = 0;
  double chunk_seconds = 0;  // upper bound of a chunk; 0: 2 s
  bool return_tokens = false;
  int64_t known_frames = 0;     // whose tokens the client has: not sent again
  uint64_t received_bytes = 0;  // of the encoded stream, which the client has: not sent again
};

// The cuts are the same on every run, a resumed one too, since they depend on frame numbers alone:
// from the first audio on, chunks grow from 0.25 s to their upper bound. Used by one thread at a
// time.
class AudioPipeline {
 public:
  static absl::StatusOr<std::unique_ptr<AudioPipeline>> Create(
      const AudioPipelineOptions& options, const ModelInfo& model,
      std::unique_ptr<AudioDecoder> decoder);

  // Frames that the next chunk needs from `tokens`' first untaken frame on; 0: none, Next() goes on
  // without.
  int64_t frames_needed() const;
  int64_t frames_taken() const { return frames_taken_; }
  // All samples have gone out.
  bool done() const { return done_; }

  // Makes the next chunk. `tokens`: [frames_needed()][codebooks]. Null: nothing to send for these
  // frames.
  absl::StatusOr<std::optional<AudioChunk>> Next(absl::Span<const uint16_t> tokens);

  int64_t total_samples() const { return total_samples_; }
  double output_lufs() const { return loudness_->OutputLufs(); }

 private:
  AudioPipeline(const AudioPipelineOptions& options, const ModelInfo& model);

  absl::Status TakeFrames(absl::Span<const uint16_t> tokens, AudioChunk* chunk);
  // Encodes what loudness let go, at most one chunk's length.
  absl::Status EncodeReady(AudioChunk* chunk);

  const AudioPipelineOptions options_;
  const int codebooks_;
  const int64_t max_chunk_frames_;
  const int64_t max_chunk_samples_;
  const int64_t total_samples_;
  std::unique_ptr<AudioDecoder> decoder_;
  std::unique_ptr<LoudnessProcessor> loudness_;
  std::unique_ptr<AudioEncoder> encoder_;

  int64_t frames_taken_ = 0;
  int64_t next_chunk_frames_;
  std::vector<float> ready_;  // samples that loudness let go
  size_t ready_begin_ = 0;    // those before it are encoded
  int64_t samples_encoded_ = 0;
  uint64_t bytes_made_ = 0;
  bool done_ = false;
};

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_AUDIO_PIPELINE_H_
