#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <list>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/cancel.h"
#include "core/base/status_macros.h"
#include "core/model/synthetic/hash_values.h"
#include "core/train/clip_source.h"
#include "core/train/media_files.h"
#include "core/train/synthetic_music.h"
#include "core/video/frame_sampler.h"
#include "vidmuse/limits.h"

namespace vidmuse::train {
namespace {

struct ManifestClip {
  std::string video, audio;
  double start = 0;
  double seconds = 0;
};

// The path under `key`, resolved against the manifest's folder; empty if `key` is missing.
std::string Path(const nlohmann::json& object, const char* key,
                 const std::filesystem::path& folder) {
  const auto found = object.find(key);
  return found == object.end() ? "" : (folder / found->get<std::string>()).string();
}

absl::StatusOr<ManifestClip> ParseLine(const std::string& line,
                                       const std::filesystem::path& folder) {
  try {
    const nlohmann::json object = nlohmann::json::parse(line);
    ManifestClip clip;
    if (object.contains("video_path")) {  // the published code's names
      clip.video = Path(object, "video_path", folder);
      clip.audio = Path(object, "path", folder);
      clip.seconds = object.at("duration").get<double>();
    } else {
      clip.video = Path(object, "video", folder);
      clip.audio = Path(object, "audio", folder);
      clip.seconds = object.at("seconds").get<double>();
    }
    if (clip.audio.empty()) clip.audio = clip.video;
    clip.start = object.value("start", 0.0);
    if (clip.video.empty() || !(clip.start >= 0) || !(clip.seconds > 0)) {
      return absl::InvalidArgumentError("a clip needs a video, a start from 0 on, and seconds");
    }
    return clip;
  } catch (const nlohmann::json::exception& error) {
    return absl::InvalidArgumentError(error.what());
  }
}

// Finds missing files before training begins, rather than when a clip is first used.
absl::Status CheckFiles(const ManifestClip& clip) {
  for (const std::string& file : {clip.video, clip.audio}) {
    std::error_code error;
    if (std::filesystem::exists(file, error)) continue;
    return absl::NotFoundError(absl::StrCat(file, ": ", error ? error.message() : "no such file"));
  }
  return absl::OkStatus();
}

class ManifestSource : public ClipSource {
 public:
  ManifestSource(std::vector<ManifestClip> clips, int seconds, std::string description)
      : clips_(std::move(clips)), seconds_(seconds), description_(std::move(description)) {}

  int64_t size() const override { return static_cast<int64_t>(clips_.size()); }
  int seconds() const override { return seconds_; }
  std::string description() const override { return description_; }

  absl::StatusOr<std::vector<float>> Audio(int64_t clip) override {
    const ManifestClip& entry = clips_[clip];
    ASSIGN_OR_RETURN(std::vector<float> samples, ReadAudio(entry.audio, entry.start, seconds_));
    // The audio may be shorter than the clip; silence fills the rest.
    samples.resize(static_cast<size_t>(seconds_) * kMusicRate);
    return samples;
  }

  absl::Status LocalFrames(int64_t clip, absl::Span<const int> places, uint8_t* out) override {
    ASSIGN_OR_RETURN(const VideoFrames* const video, Frames(clip));
    const auto first = static_cast<int>(std::lround(clips_[clip].start * kLocalFrameRate));
    const int last = static_cast<int>(video->local.size()) - 1;
    for (size_t i = 0; i < places.size(); ++i) {
      const int place = std::min(first + places[i], last);
      std::memcpy(out + i * kFrameBytes, video->frames[video->local[place]].data(), kFrameBytes);
    }
    return absl::OkStatus();
  }

  absl::Status GlobalFrames(int64_t clip, absl::Span<const int> places, uint8_t* out) override {
    ASSIGN_OR_RETURN(const VideoFrames* const video, Frames(clip));
    for (size_t i = 0; i < places.size(); ++i) {
      std::memcpy(out + i * kFrameBytes, video->frames[video->global[places[i]]].data(),
                  kFrameBytes);
    }
    return absl::OkStatus();
  }

 private:
  // Returns the frames of the clip's video. The most recently used videos are cached.
  absl::StatusOr<const VideoFrames*> Frames(int64_t clip) {
    constexpr size_t kKept = 64;
    const std::string& path = clips_[clip].video;
    for (auto at = kept_.begin(); at != kept_.end(); ++at) {
      if (at->first != path) continue;
      kept_.splice(kept_.begin(), kept_, at);
      return &kept_.front().second;
    }
    ASSIGN_OR_RETURN(VideoFrames frames, ReadVideo(path));
    kept_.emplace_front(path, std::move(frames));
    if (kept_.size() > kKept) kept_.pop_back();
    return &kept_.front().second;
  }

  const std::vector<ManifestClip> clips_;
  const int seconds_;
  const std::string description_;
  std::list<std::pair<std::string, VideoFrames>> kept_;  // most recently used first
};

absl::StatusOr<std::string> ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

absl::StatusOr<VideoFrames> ReadVideo(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadAll(path));
  absl::StatusOr<VideoFrames> frames = SampleVideo(bytes, Limits(), 0, CancelFlag());
  if (frames.ok()) return frames;
  return absl::Status(frames.status().code(), absl::StrCat(path, ": ", frames.status().message()));
}

absl::StatusOr<std::unique_ptr<ClipSource>> ManifestClips(const std::string& path, int seconds) {
  ASSIGN_OR_RETURN(const std::string text, ReadAll(path));
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::vector<ManifestClip> clips;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.empty()) continue;
    absl::StatusOr<ManifestClip> clip = ParseLine(line, folder);
    const absl::Status status = clip.ok() ? CheckFiles(*clip) : clip.status();
    if (!status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat(path, ", line ", number, ": ", status.message()));
    }
    if (clip->seconds >= seconds) clips.push_back(*std::move(clip));
  }
  if (clips.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": no clip of at least ", seconds, " s"));
  }
  return std::make_unique<ManifestSource>(
      std::move(clips), seconds,
      absl::StrCat("manifest ", absl::Hex(Fnv1a64(text)), ", ", seconds, " s"));
}

}  // namespace vidmuse::train
