// Reads audio and video files with FFmpeg, and writes clips as such files.
#ifndef VIDMUSE_TRAIN_MEDIA_FILES_H_
#define VIDMUSE_TRAIN_MEDIA_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/model/architecture/video_frames.h"

namespace vidmuse::train {

// Samples of the file's best audio stream as 32 kHz mono, `seconds` of them from `start` (seconds)
// on; fewer if the file ends earlier. INVALID_ARGUMENT names the file if it has no audio or can't
// be read, or if start + seconds is over six hours.
absl::StatusOr<std::vector<float>> ReadAudio(const std::string& path, double start, double seconds);

// The video's frames as the server samples them. Errors name the file.
absl::StatusOr<VideoFrames> ReadVideo(const std::string& path);

// Writes `count` synthetic clips to DIRECTORY: clip_SEED.mp4 (224x224, 25 frames per second),
// clip_SEED.wav, and the manifest.jsonl that ManifestClips reads.
absl::Status WriteClips(uint64_t first_seed, int64_t count, int seconds,
                        const std::string& directory);

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_MEDIA_FILES_H_
