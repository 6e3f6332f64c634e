// Turns complete token frames into the audio chunks that a client receives: codec decoder, loudness
// and audio format.
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
#include "core/base/origin_mark.h"
#include "core/model/music_model.h"
#include "vidmuse/audio_format.h"
#include "vidmuse/events.h"
#include "vidmuse/model_info.h"

namespace vidmuse {

struct AudioPipelineOptions {
  AudioFormat format = AudioFormat::kWav;
  LoudnessMode loudness = LoudnessMode::kReference;
  int64_t total_frames = 0;
  double chunk_seconds = 0;  // longest chunk; 0: 2 s
  bool return_tokens = false;
  Origin origin;  // that the file names
  // For a resumed song: what the client has already and isn't sent again.
  int64_t known_frames = 0;     // frames whose tokens it has
  uint64_t received_bytes = 0;  // bytes of the encoded stream
};

// Chunks are cut in the same places on every run, even a resumed one, since the cuts depend on
// frame numbers alone.
//
// The first audio lasts 0.3 s, or as long as the longest chunk, whatever the codec and the loudness
// stage hold back. The chunks after it grow from 0.24 s to the longest, by one frame or a
// twentieth: so the player of a song that is made at 0.95 of real time or faster never runs dry,
// since no chunk takes longer to make than what is left to play.
//
// Used by one thread at a time.
class AudioPipeline {
 public:
  static absl::StatusOr<std::unique_ptr<AudioPipeline>> Create(
      const AudioPipelineOptions& options, const ModelInfo& model,
      std::unique_ptr<AudioDecoder> decoder);

  // The number of frames that the next call of Next() takes, from frame frames_taken() on. It is 0
  // while samples of earlier frames are left to send.
  int64_t frames_needed() const;
  int64_t frames_taken() const { return frames_taken_; }
  // Whether all samples have gone out.
  bool done() const { return done_; }

  // Makes the next chunk. `tokens`: [frames_needed()][codebooks]. The result is empty if there is
  // nothing to send for these frames. INVALID_ARGUMENT: the stream ends before `received_bytes`.
  absl::StatusOr<std::optional<AudioChunk>> Next(absl::Span<const uint16_t> tokens);

  int64_t total_samples() const { return total_samples_; }
  double output_lufs() const { return loudness_->OutputLufs(); }

 private:
  AudioPipeline(const AudioPipelineOptions& options, const ModelInfo& model);

  absl::Status TakeFrames(absl::Span<const uint16_t> tokens, AudioChunk* chunk);
  // Decides, once frames were taken, whether the first audio goes out and how many frames are next.
  void UpdateChunkFrames(bool last);
  // Whether the client had the chunk that is being made with its tokens, before its stream broke.
  bool WasReceived() const;
  // Encodes samples that the loudness stage has released, at most one chunk of them. `with_frames`:
  // frames were taken for this chunk, rather than for an earlier one that was too long.
  absl::Status EncodeReady(bool with_frames, AudioChunk* chunk);

  const AudioPipelineOptions options_;
  const int codebooks_;
  const int64_t max_chunk_frames_;
  const int64_t max_chunk_samples_;
  const int64_t total_samples_;
  std::unique_ptr<AudioDecoder> decoder_;
  std::unique_ptr<LoudnessProcessor> loudness_;
  std::unique_ptr<AudioEncoder> encoder_;

  int64_t frames_taken_ = 0;
  bool begun_;                  // whether audio goes out as soon as it is released
  std::vector<float> waiting_;  // samples released before that
  int64_t next_chunk_frames_;
  std::vector<float> ready_;  // samples that the loudness stage has released
  size_t ready_begin_ = 0;    // samples of `ready_` before this one are encoded
  int64_t samples_encoded_ = 0;
  int64_t samples_in_chunks_ = 0;  // of them, those that chunks have told of
  uint64_t bytes_made_ = 0;
  bool done_ = false;
};

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_AUDIO_PIPELINE_H_
