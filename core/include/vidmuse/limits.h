// The bounds on requests.
#ifndef VIDMUSE_LIMITS_H_
#define VIDMUSE_LIMITS_H_

#include <cstdint>

namespace vidmuse {

// Every bound on what a request may ask for or send.
struct Limits {
  uint64_t max_video_bytes = 256ull << 20;
  double max_video_seconds = 600;
  uint64_t max_prompt_bytes = 3ull << 20;
  int max_frame_width = 8192;
  int max_frame_height = 8192;
  int64_t max_frame_pixels = 8192ll * 4320;
  double max_frames_per_second = 240;
  uint64_t max_decoder_bytes = 3ull << 29;  // memory for decoding one video in its sandbox
  uint64_t max_decoders_bytes = 0;          // for all; 0: a quarter of what is free at start
  int max_queued_requests = 64;             // admitted but not yet running
  // Uploads, prompts, frames, conditions and held-back songs of all requests together. Those of one
  // API key may hold half of it.
  uint64_t max_queued_bytes = 1ull << 30;
  int max_batch = 8;  // requests decoded together
  // Unread output of one stream, above which its request pauses.
  uint64_t max_stream_buffer_bytes = 4u << 20;
};

}  // namespace vidmuse

#endif  // VIDMUSE_LIMITS_H_
