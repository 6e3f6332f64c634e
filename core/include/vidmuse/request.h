// What a client asks of the generator.
#ifndef VIDMUSE_REQUEST_H_
#define VIDMUSE_REQUEST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "vidmuse/alignment.h"
#include "vidmuse/audio_format.h"
#include "vidmuse/sampling_options.h"
#include "vidmuse/stage_time.h"

namespace vidmuse {

// What a client already holds of one variant of a broken stream.
struct ResumeVariant {
  std::vector<uint16_t> tokens;  // [frames][codebooks], from the song's first frame on
  // Bytes of the encoded stream that the client has: they are made again but not sent again.
  uint64_t received_bytes = 0;
};

// What a client already holds of a broken stream, so that any replica can continue it.
struct ResumePoint {
  std::vector<ResumeVariant> variants;  // GenerationRequest::variants of them
  // ModelInfo::fingerprint of the server that made the first part; empty: not compared.
  std::string fingerprint{};
};

// The most songs that one request may ask for.
inline constexpr int kMaxVariants = 8;

struct GenerationRequest {
  std::string request_id;  // for logs; generated if empty
  // Identifies the client. Clients take turns in getting places in the batch. All requests without
  // a key count as one client's.
  std::string client_key;
  SamplingOptions sampling;
  // How many songs to make for the video, [1, kMaxVariants] and at most Limits::max_batch. Each is
  // what a request of its own with its seed gives (see GenerationStarted::seeds).
  int variants = 1;
  bool seed_is_set = false;      // false: the generator draws one and reports it
  bool cfg_coef_is_set = false;  // false: the model's own default
  double max_seconds = 0;        // upper bound of the song's length; 0: as long as the video
  // How much of a window the next one begins with. A song over 30 s is made in windows of 30 s.
  double window_overlap_seconds = 0.5;
  Alignment alignment = Alignment::kReference;
  AudioFormat format = AudioFormat::kWav;
  LoudnessMode loudness = LoudnessMode::kReference;
  bool return_tokens = false;
  double chunk_seconds = 0;  // upper bound of a chunk's length; 0: the default, which grows to 2 s
  // The request is refused immediately if one of these is over its limit.
  std::optional<uint64_t> declared_bytes;
  std::optional<double> declared_seconds;
  // A sound file that the song begins with (see music.proto); empty: none.
  std::string prompt_audio;
  std::optional<ResumePoint> resume;
  // Counts from submission to the end of the stream. A duration, since the wall clock may jump.
  absl::Duration time_limit = absl::InfiniteDuration();
  StageObserver observe_stage;  // empty: nobody asks
};

}  // namespace vidmuse

#endif  // VIDMUSE_REQUEST_H_
