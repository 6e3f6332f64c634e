// The sound of a muxed video: music and, if wanted, the video's own sound, filtered and encoded.
#ifndef VIDMUSE_CLIENT_MUX_SOUNDTRACK_H_
#define VIDMUSE_CLIENT_MUX_SOUNDTRACK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/mux/media_handles.h"
#include "client/mux/mux_video.h"

namespace vidmuse {

class Soundtrack {
 public:
  // `original`: the stream of the video's own sound; null: there is none, or it is dropped.
  // `start`: the time of the first picture shown, in seconds. Errors: see MuxVideo.
  static absl::StatusOr<std::unique_ptr<Soundtrack>> Create(const Music& music,
                                                            const MuxOptions& options,
                                                            const AVStream* original, double start,
                                                            AVCodecID codec, bool global_header);

  const AVCodecContext* encoder() const { return encoder_.get(); }

  bool music_ended() const { return music_ended_; }
  // Feeds music up to `seconds`, or to its end.
  absl::Status FeedMusic(double seconds);
  // Feeds a packet of `original`; null: its end. Damaged packets are left out.
  absl::Status FeedOriginal(const AVPacket* packet);
  // Takes the next encoded packet, in the encoder's time base. false: there is none yet, or none
  // any more after both have ended.
  absl::StatusOr<bool> Next(AVPacket* packet);

 private:
  Soundtrack(const Music& music, const AVStream* original, double start)
      : music_(music), original_(original), start_(start) {}
  absl::Status OpenEncoder(AVCodecID codec, bool global_header);
  absl::Status OpenDecoder();
  absl::Status OpenFilters(const MuxOptions& options);
  absl::StatusOr<AVFilterContext*> AddSource(const char* name, int sample_rate,
                                             const char* sample_format,
                                             const AVChannelLayout& layout);
  absl::Status DrainDecoder();

  const Music& music_;
  const AVStream* const original_;
  const double start_;
  CodecPtr encoder_, decoder_;
  FilterGraphPtr graph_;
  AVFilterContext* music_source_ = nullptr;
  AVFilterContext* original_source_ = nullptr;
  AVFilterContext* sink_ = nullptr;
  FramePtr frame_;
  int64_t music_frames_ = 0;  // fed so far
  bool music_ended_ = false;
};

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_MUX_SOUNDTRACK_H_
