// What a stream of the generator tells its reader.
#ifndef VIDMUSE_EVENTS_H_
#define VIDMUSE_EVENTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "vidmuse/audio_format.h"
#include "vidmuse/sampling_options.h"

namespace vidmuse {

// First event of a stream: the video was read and the request is in the queue.
struct GenerationStarted {
  std::string request_id;
  std::string model;
  int sample_rate = 0;  // Hz
  int channels = 0;
  AudioFormat format = AudioFormat::kWav;
  std::vector<uint64_t> seeds;  // of each variant; the first is the request's
  int64_t total_samples = 0;    // per channel, of the whole song
  int64_t total_frames = 0;     // token frames, 50 a second
  std::string fingerprint{};    // ModelInfo::fingerprint
  SamplingOptions sampling{};   // as used, with defaults filled in
  // See GeneratorOptions.
  std::string server_version{};
  std::string origin_text{};
};

// Where a request stands.
enum class GenerationStage { kUpload, kDecode, kEncode, kQueue, kGenerate, kDeliver };

// Sent when the stage changes, and when nothing else was sent for
// GeneratorOptions::progress_seconds.
struct GenerationProgress {
  GenerationStage stage = GenerationStage::kUpload;
  int queue_position = 0;  // 1: the next to enter the batch; 0: not in that queue
  std::optional<double> estimated_queue_seconds;  // unset: not waiting, or unknown
  int64_t frames_made = 0;
  int64_t total_frames = 0;  // 0: unknown so far
};

// The next part of one variant. Chunks of a stream's variants are interleaved.
struct AudioChunk {
  std::string data;          // bytes in the stream's format; may be empty if only tokens are sent
  int64_t first_sample = 0;  // offset in the song of the first sample of `data`
  int64_t num_samples = 0;   // samples that went into the encoder for `data`
  int64_t first_frame = 0;   // of `tokens`
  std::vector<uint16_t> tokens;  // [frames][codebooks], since the previous chunk, if asked for
  int variant = 0;
};

struct StageSeconds {
  double queue = 0;  // waiting for a place in the batch
  double upload = 0;
  double decode = 0;    // video decoding
  double encode = 0;    // CLIP and the conditioner
  double prefill = 0;   // cross-attention keys and values, prompts
  double generate = 0;  // token steps
  double codec = 0;     // tokens to samples, loudness and encoding of the audio
  double total = 0;
  double first_audio = 0;  // submission to the first audio bytes
};

// Last event of a successful stream.
struct GenerationFinished {
  int64_t total_samples = 0;
  int64_t total_frames = 0;
  // Of each variant: integrated, of what was delivered; -HUGE_VAL for silence.
  std::vector<double> loudness_lufs;
  StageSeconds seconds;
};

using StreamEvent =
    std::variant<GenerationStarted, AudioChunk, GenerationFinished, GenerationProgress>;

}  // namespace vidmuse

#endif  // VIDMUSE_EVENTS_H_
