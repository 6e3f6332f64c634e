// Plain data that crosses the core's boundary: requests, events and the description of a model.
#ifndef VIDMUSE_TYPES_H_
#define VIDMUSE_TYPES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace vidmuse {

// PCM and WAV are interleaved samples, the other formats are encoded packets.
enum class AudioFormat { kWav, kPcmS16le, kPcmF32le, kFlac, kMp3, kOggVorbis };

enum class LoudnessMode {
  // The whole song is brought to -16 LUFS, then passed through tanh, as the published code writes
  // it. No audio leaves before the last token.
  kReference,
  // A gain with a bounded look-ahead towards -16 LUFS and a limiter, applied while audio is made.
  kStreaming,
  kNone,       // The codec's samples are left as they are.
};

// How the next token is drawn from the guided logits, per codebook.
struct SamplingOptions {
  bool greedy = false;       // argmax; of the other options only cfg_coef counts
  float temperature = 1.0f;  // > 0; 0 means greedy
  int top_k = 250;           // 0: all tokens. Ties with the k-th token are kept.
  float top_p = 0.0f;        // > 0: nucleus sampling instead of top_k
  float cfg_coef = 3.0f;     // logits = null + (cond - null) * cfg_coef
  uint64_t seed = 0;

  bool IsGreedy() const { return greedy || temperature == 0.0f; }
};

// What a client already holds of a broken stream, so that any replica can continue it.
struct ResumePoint {
  std::vector<uint16_t> tokens;  // [frames][codebooks], from the song's first frame on
  // Bytes of the encoded stream that the client has: they are made again but not sent again.
  uint64_t received_bytes = 0;
  // ModelInfo::fingerprint of the server that made the first part; empty: not compared.
  std::string fingerprint{};
};

struct GenerationRequest {
  std::string request_id;  // for logs; generated if empty
  // Identifies the client. Clients take turns in getting places in the batch. All requests without
  // a key count as one client's.
  std::string client_key;
  SamplingOptions sampling;
  bool seed_is_set = false;  // false: the generator draws one and reports it
  bool cfg_coef_is_set = false;  // false: the model's own default
  double max_seconds = 0;  // upper bound of the song's length; 0: as long as the video
  AudioFormat format = AudioFormat::kWav;
  LoudnessMode loudness = LoudnessMode::kReference;
  bool return_tokens = false;
  double chunk_seconds = 0;  // upper bound of a chunk's length; 0: the default, which grows to 2 s
  // The request is refused immediately if one of these is over its limit.
  std::optional<uint64_t> declared_bytes;
  std::optional<double> declared_seconds;
  std::optional<ResumePoint> resume;
  // Counts from submission to the end of the stream. A duration, since the wall clock may jump.
  absl::Duration time_limit = absl::InfiniteDuration();
};

// First event of a stream: the video was read and the request is in the queue.
struct GenerationStarted {
  std::string request_id;
  std::string model;
  int sample_rate = 0;  // Hz
  int channels = 0;
  AudioFormat format = AudioFormat::kWav;
  uint64_t seed = 0;
  int64_t total_samples = 0;  // per channel, of the whole song
  int64_t total_frames = 0;   // token frames, 50 a second
  std::string fingerprint{};  // ModelInfo::fingerprint
  SamplingOptions sampling{};  // as used, with defaults filled in
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

struct AudioChunk {
  std::string data;           // bytes in the stream's format; may be empty if only tokens are sent
  int64_t first_sample = 0;   // offset in the song of the first sample of `data`
  int64_t num_samples = 0;    // samples that went into the encoder for `data`
  int64_t first_frame = 0;    // of `tokens`
  std::vector<uint16_t> tokens;  // [frames][codebooks], since the previous chunk, if asked for
};

struct StageSeconds {
  double queue = 0;     // waiting for a place in the batch
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
  double loudness_lufs = 0;  // integrated, of what was delivered; -HUGE_VAL for silence
  StageSeconds seconds;
};

using StreamEvent =
    std::variant<GenerationStarted, AudioChunk, GenerationFinished, GenerationProgress>;

struct ModelInfo {
  std::string name;
  std::string scale;      // "small", "medium", "large" or "custom"
  int64_t parameters = 0;
  std::string device;     // "cpu", "cuda:0"
  std::string precision;  // "fp32", ...
  int sample_rate = 32000;
  int channels = 1;
  int frame_rate = 50;      // token frames a second
  int samples_per_frame = 640;
  int codebooks = 4;
  int card = 2048;          // tokens per codebook
  float default_cfg_coef = 3.0f;
  int window_seconds = 30;  // longest stretch generated with one condition
  int step_graphs = 0;      // step shapes recorded as CUDA graphs
  // Two models with equal fingerprints give the same tokens and the same bytes (see music.proto).
  std::string fingerprint;
  std::string license_note;  // from the model's folder; empty: it has none
};

// Every bound on what a request may ask for or send.
struct Limits {
  uint64_t max_video_bytes = 256ull << 20;
  double max_video_seconds = 600;
  int max_frame_width = 8192;
  int max_frame_height = 8192;
  int64_t max_frame_pixels = 8192ll * 4320;
  double max_frames_per_second = 240;
  uint64_t max_decoder_bytes = 3ull << 29;   // memory for decoding one video in its sandbox
  uint64_t max_decoders_bytes = 0;           // for all; 0: a quarter of what is free at start
  int max_queued_requests = 64;              // admitted but not yet running
  // Uploads, frames, conditions and held-back songs of all requests together.
  uint64_t max_queued_bytes = 1ull << 30;
  int max_batch = 8;                         // requests decoded together
  // Unread output of one stream, above which its request pauses.
  uint64_t max_stream_buffer_bytes = 4u << 20;
};

// An error about one field of the request, or about a value over a limit, carries the names that
// the API and the server's flags use for them.
absl::Status AboutField(absl::Status status, absl::string_view field);
std::optional<std::string> FieldOf(const absl::Status& status);
struct BrokenLimit {
  std::string name;
  std::string value;
};
absl::Status AboutLimit(absl::Status status, absl::string_view name, double value);
std::optional<BrokenLimit> LimitOf(const absl::Status& status);

// A refusal that may succeed later carries how long to wait.
absl::Status WithRetryAfter(absl::Status status, absl::Duration delay);
std::optional<absl::Duration> RetryAfter(const absl::Status& status);

}  // namespace vidmuse

#endif  // VIDMUSE_TYPES_H_
