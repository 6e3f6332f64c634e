// Measures the time to the first audio of a single request.
#ifndef VIDMUSE_TESTS_BENCH_FIRST_AUDIO_H_
#define VIDMUSE_TESTS_BENCH_FIRST_AUDIO_H_

#include <memory>

#include "absl/status/statusor.h"
#include "core/model/architecture/video_frames.h"
#include "core/model/music_model.h"
#include "nlohmann/json.hpp"

namespace vidmuse {

// Seconds from the end of the upload to the first chunk of audio, through the whole generator, for
// the loudness modes none and streaming. Decoding the video isn't included.
absl::StatusOr<nlohmann::json> MeasureFirstAudio(std::unique_ptr<MusicModel> model,
                                                 const VideoFrames& video);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_BENCH_FIRST_AUDIO_H_
