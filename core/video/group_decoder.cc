#include "core/video/group_decoder.h"

#include <algorithm>
#include <utility>

#include "core/base/status_macros.h"

extern "C" {
#include <libavcodec/packet.h>
#include <libavutil/avutil.h>
#include <libavutil/frame.h>
}

namespace vidmuse {

absl::StatusOr<std::unique_ptr<GroupDecoder>> GroupDecoder::Create(
    std::unique_ptr<VideoFile> file, const PacketIndex& index, const std::vector<int64_t>& wanted,
    std::vector<FrameGroup> groups, const Limits& limits, const DecodeWatch& watch) {
  file->KeepOnlyVideo();
  std::unique_ptr<GroupDecoder> decoder(
      new GroupDecoder(std::move(file), index, std::move(groups), watch));
  ASSIGN_OR_RETURN(decoder->decoder_, VideoDecoder::Create(*decoder->file_, limits));
  decoder->position_by_pts_ = PositionsByTime(index, wanted);
  decoder->decoder_->FindCuts();
  RETURN_IF_ERROR(decoder->Begin());
  return decoder;
}

absl::Status GroupDecoder::Begin() {
  ASSIGN_OR_RETURN(const AVPacket* first, Packet(0, 0));
  if (first == nullptr) return absl::OkStatus();
  RETURN_IF_ERROR(decoder_->Send(first, /*skip=*/false));
  RETURN_IF_ERROR(TakeFrames(nullptr, {}));
  RETURN_IF_ERROR(decoder_->Send(nullptr, /*skip=*/false));
  return TakeFrames(nullptr, {});
}

absl::StatusOr<bool> GroupDecoder::Decode(size_t number_of_group, const Take& take) {
  const FrameGroup& group = groups_[number_of_group];
  const int64_t next_begin =
      number_of_group + 1 < groups_.size() ? groups_[number_of_group + 1].begin : group.end;
  expected_ = {group.frames.begin(), group.frames.end()};
  inside_.clear();
  reached_next_ = false;
  doubtful_ = false;
  const int64_t errors_before = decoder_->errors();
  const int64_t logged_before = LoggedErrors();
  decoder_->Restart();
  int64_t number = group.begin;
  for (; number < group.end && !Complete(group, number); ++number) {
    ASSIGN_OR_RETURN(const AVPacket* packet, Packet(number, std::min(number, next_begin)));
    if (packet == nullptr) return false;
    RETURN_IF_ERROR(SendPacket(*packet, number, group));
    RETURN_IF_ERROR(TakeFrames(&group, take));
    if (doubtful_) return false;
  }
  if (!Complete(group, number) && !group.followed) {
    RETURN_IF_ERROR(decoder_->Send(nullptr, /*skip=*/false));
    RETURN_IF_ERROR(TakeFrames(&group, take));
  }
  return !doubtful_ && Complete(group, number) && decoder_->errors() == errors_before &&
         LoggedErrors() == logged_before;
}

bool GroupDecoder::Complete(const FrameGroup& group, int64_t next) const {
  return expected_.empty() && next > group.last && (!group.followed || reached_next_);
}

absl::Status GroupDecoder::SendPacket(const AVPacket& packet, int64_t number,
                                      const FrameGroup& group) {
  const StoredPacket& stored = index_.stored[static_cast<size_t>(number)];
  doubtful_ = doubtful_ || stored.pts != packet.pts;
  const int64_t first_pts = index_.stored[static_cast<size_t>(group.begin)].pts;
  const bool skip = index_.IsUnreferenced(static_cast<size_t>(number)) && !IsWanted(stored.pts);
  // The decoder leaves out leading pictures if it begins with the picture that they follow.
  const bool left_out = stored.traits.leading && stored.pts < first_pts;
  if (stored.shown && !skip && !left_out) inside_.insert(stored.pts);
  return decoder_->Send(&packet, skip);
}

absl::StatusOr<const AVPacket*> GroupDecoder::Packet(int64_t number, int64_t keep_from) {
  while (true) {
    while (!kept_.empty() && kept_from_ < keep_from) {
      kept_.pop_front();
      ++kept_from_;
    }
    const int64_t read = kept_from_ + static_cast<int64_t>(kept_.size());
    if (number < read) return kept_[static_cast<size_t>(number - kept_from_)].get();
    AvPacketPtr packet = NewPacket();
    ASSIGN_OR_RETURN(const bool more, file_->NextPacket(packet.get()));
    if (!more) return nullptr;
    kept_.push_back(std::move(packet));
  }
}

absl::Status GroupDecoder::TakeFrames(const FrameGroup* group, const Take& take) {
  const AvFramePtr frame = NewFrame();
  while (true) {
    RETURN_IF_ERROR(watch_.Check());
    ASSIGN_OR_RETURN(const bool got, decoder_->Receive(frame.get()));
    if (!got) return absl::OkStatus();
    if (group != nullptr) RETURN_IF_ERROR(TakeFrame(*frame, *group, take));
  }
}

absl::Status GroupDecoder::TakeFrame(const AVFrame& frame, const FrameGroup& group,
                                     const Take& take) {
  doubtful_ = doubtful_ || inside_.empty() || frame.pts != *inside_.begin() ||
              decoder_->MayLackParts(frame);
  if (doubtful_) return absl::OkStatus();
  inside_.erase(inside_.begin());
  reached_next_ = reached_next_ || (group.followed && frame.pts >= *group.followed);
  const auto wanted = position_by_pts_.find(frame.pts);
  // Some frames of the next group are decoded too, since this one's pictures refer to them.
  if (wanted == position_by_pts_.end() || expected_.erase(wanted->second) == 0) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(std::vector<uint8_t> pixels, converter_.Convert(frame));
  take(wanted->second, std::move(pixels));
  return absl::OkStatus();
}

}  // namespace vidmuse
