// Audio and video of files that FFmpeg reads, and clips written as such files.
#ifndef VIDMUSE_TRAIN_MEDIA_FILES_H_
#define VIDMUSE_TRAIN_MEDIA_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/video_frames.h"

namespace vidmuse::train {

// The best audio stream's samples from `start` on, `seconds` long: 32 kHz mono, fewer if the file
// ends before. INVALID_ARGUMENT names the file that has no audio or can't be read.
absl::StatusOr<std::vector<float>> ReadAudio(const std::string& path, double start, double seconds);

// The video's frames as the server samples them. Errors name the file.
absl::StatusOr<VideoFrames> ReadVideo(const std::string& path);

// Writes synthetic clips: DIRECTORY/clip_N.mp4 (224x224, 25 frames a second), clip_N.wav and
// manifest.jsonl, which ManifestClips reads.
absl::Status WriteClips(uint64_t first_seed, int64_t count, int seconds,
                        const std::string& directory);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_MEDIA_FILES_H_
