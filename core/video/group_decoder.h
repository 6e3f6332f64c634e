// Decodes the wanted frames of a video group by group.
#ifndef VIDMUSE_VIDEO_GROUP_DECODER_H_
#define VIDMUSE_VIDEO_GROUP_DECODER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/video/decode_watch.h"
#include "core/video/ffmpeg_util.h"
#include "core/video/frame_converter.h"
#include "core/video/frame_groups.h"
#include "core/video/packet_index.h"
#include "core/video/video_decoder.h"
#include "core/video/video_file.h"
#include "vidmuse/limits.h"

struct AVFrame;
struct AVPacket;

namespace vidmuse {

// Frames come out with the same bits as from decoding the video from its beginning. Pictures on
// which no wanted frame depends are not decoded. Not thread-safe.
class GroupDecoder {
 public:
  // Takes planes [3, 224, 224] and the frame's position in the list of wanted frames.
  using Take = std::function<void(int position, std::vector<uint8_t> pixels)>;

  // `file` must be freshly opened, with a header that states the frames' size. `index` must be the
  // same file's. `wanted` are indices of index.pts, and `groups` are theirs. The index, the limits
  // and the watch must outlive the decoder. Errors are VideoDecoder's.
  static absl::StatusOr<std::unique_ptr<GroupDecoder>> Create(
      std::unique_ptr<VideoFile> file, const PacketIndex& index, const std::vector<int64_t>& wanted,
      std::vector<FrameGroup> groups, const Limits& limits, const DecodeWatch& watch);

  // Calls `take` once for every frame of groups[group]. Groups must be asked for in ascending
  // order; some may be left out. Returns false if the result may differ from that of decoding the
  // video from its beginning: there is damage, or a frame didn't come. Errors are the watch's and
  // VideoDecoder's.
  absl::StatusOr<bool> Decode(size_t group, const Take& take);

 private:
  GroupDecoder(std::unique_ptr<VideoFile> file, const PacketIndex& index,
               std::vector<FrameGroup> groups, const DecodeWatch& watch)
      : file_(std::move(file)),
        index_(index),
        groups_(std::move(groups)),
        watch_(watch),
        converter_(file_->header().width, file_->header().height, file_->header().rotation) {}

  // Decodes the stream's first packet, which may tell how to decode the rest.
  absl::Status Begin();
  // Returns the packet with the number, or null if the file ends before. Numbers below `keep_from`
  // won't be asked for again.
  absl::StatusOr<const AVPacket*> Packet(int64_t number, int64_t keep_from);
  absl::Status TakeFrames(const FrameGroup* group, const Take& take);
  absl::Status TakeFrame(const AVFrame& frame, const FrameGroup& group, const Take& take);
  absl::Status SendPacket(const AVPacket& packet, int64_t number, const FrameGroup& group);
  bool IsWanted(int64_t pts) const { return position_by_pts_.contains(pts); }
  // True once the group's packets up to `next` are enough.
  bool Complete(const FrameGroup& group, int64_t next) const;

  const std::unique_ptr<VideoFile> file_;
  const PacketIndex& index_;
  const std::vector<FrameGroup> groups_;
  const DecodeWatch& watch_;
  FrameConverter converter_;
  std::unique_ptr<VideoDecoder> decoder_;
  std::map<int64_t, int> position_by_pts_;  // of the wanted frames
  // Packets that were read and may be needed again; the first one has the number kept_from_.
  std::deque<AvPacketPtr> kept_;
  int64_t kept_from_ = 0;
  // Of the group that is being decoded:
  std::set<int> expected_;  // positions of its frames that haven't come yet
  // Times of the pictures that are in the decoder. They must come out in this order, each once.
  std::set<int64_t> inside_;
  bool reached_next_ = false;
  bool doubtful_ = false;
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_GROUP_DECODER_H_
