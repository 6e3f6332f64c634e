#include "core/video/video_reader.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

// Keeps the bytes, and opens the file when all of them have come.
class CollectedUpload final : public VideoUpload {
 public:
  CollectedUpload(FileOpener open, const VideoUploadOptions& options)
      : open_(std::move(open)), options_(options) {}

  absl::Status Append(absl::string_view bytes) override {
    // Reserved once, so that growing the string never takes more memory than is counted.
    if (file_.empty() && options_.declared_bytes) file_.reserve(*options_.declared_bytes);
    file_.append(bytes.data(), bytes.size());
    return absl::OkStatus();
  }
  uint64_t size() const override { return file_.size(); }
  absl::StatusOr<std::unique_ptr<VideoReader>> Finish() override {
    return open_(std::move(file_), options_.limits, options_.max_seconds);
  }

 private:
  const FileOpener open_;
  const VideoUploadOptions options_;
  std::string file_;
};

}  // namespace

absl::StatusOr<VideoFrames> VideoReader::Read(const FramePart& part, const CancelFlag& cancel) {
  if (!rest_) {
    ASSIGN_OR_RETURN(VideoFrames frames, decode_(part, cancel));
    if (static_cast<int64_t>(frames.local.size()) <= part.count) return frames;
    rest_ = std::move(frames);
    decode_ = nullptr;  // frees the file
  }
  return Take(part);
}

VideoFrames VideoReader::Take(const FramePart& part) {
  const auto begin = std::min(static_cast<size_t>(part.first), rest_->local.size());
  const size_t end = begin + std::min(static_cast<size_t>(part.count), rest_->local.size() - begin);
  std::vector<bool> needed_later(rest_->frames.size());
  for (size_t i = end; i < rest_->local.size(); ++i) {
    needed_later[static_cast<size_t>(rest_->local[i])] = true;
  }
  VideoFrames taken;
  taken.seconds = rest_->seconds;
  std::vector<int> index_of(rest_->frames.size(), -1);  // in `taken`
  const auto take = [&](int frame) {
    int& index = index_of[static_cast<size_t>(frame)];
    if (index < 0) {
      index = static_cast<int>(taken.frames.size());
      taken.frames.push_back(rest_->frames[static_cast<size_t>(frame)]);
    }
    return index;
  };
  for (size_t i = begin; i < end; ++i) taken.local.push_back(take(rest_->local[i]));
  if (part.has_global()) {
    for (const int frame : rest_->global) taken.global.push_back(take(frame));
  }
  for (size_t i = 0; i < needed_later.size(); ++i) {
    if (!needed_later[i]) rest_->frames[i] = {};
  }
  return taken;
}

uint64_t VideoReader::bytes() const {
  if (!rest_) return file_bytes_;
  uint64_t bytes = 0;
  for (const auto& frame : rest_->frames) bytes += frame.size();
  return bytes;
}

VideoOpener OpeningComplete(FileOpener open) {
  return [open = std::move(open)](const VideoUploadOptions& options) {
    return std::make_unique<CollectedUpload>(open, options);
  };
}

VideoOpener ReadingWhole(VideoSampler sample) {
  return OpeningComplete(
      [sample = std::move(sample)](std::string file, const Limits& limits, int max_seconds) {
        const uint64_t bytes = file.size();
        const auto shared = std::make_shared<const std::string>(std::move(file));
        return std::make_unique<VideoReader>(
            [sample, shared, limits, max_seconds](const FramePart&, const CancelFlag& cancel) {
              return sample(*shared, limits, max_seconds, cancel);
            },
            bytes);
      });
}

}  // namespace vidmuse
