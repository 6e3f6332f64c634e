#include "core/video/answer_reader.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/video/video_file.h"

namespace vidmuse {
namespace {

// Rounds up for poll(), so that the time is over when it returns.
int Milliseconds(absl::Duration left) {
  constexpr absl::Duration kMost = absl::Hours(1);
  return static_cast<int>(absl::ToInt64Milliseconds(std::min(left, kMost))) + 1;
}

}  // namespace

absl::StatusOr<AnswerReader::Answer> AnswerReader::ReadAnswer() {
  Answer answer;
  RETURN_IF_ERROR(Read(&answer.header, sizeof(answer.header)));
  if (answer.header.magic != kAnswerMagic || answer.header.message_size > kMaxAnswerMessage) {
    return absl::UnknownError("an answer of another form");
  }
  answer.message.resize(answer.header.message_size);
  RETURN_IF_ERROR(Read(answer.message.data(), answer.message.size()));
  for (char& c : answer.message) {
    if (!absl::ascii_isprint(static_cast<unsigned char>(c))) c = '?';
  }
  return answer;
}

absl::StatusOr<SplitVideo> AnswerReader::ReadSplit(const AnswerHeader& header,
                                                   const FramePart& part, int max_seconds) {
  RETURN_IF_ERROR(CheckCounts(header, part, max_seconds));
  if (header.groups < 1 || header.groups > header.frames * 1000) {
    return absl::UnknownError(absl::StrCat("a video of ", header.groups, " groups"));
  }
  SplitVideo split;
  split.frames.seconds = header.seconds;
  split.distinct = static_cast<int>(header.frames);
  split.groups = static_cast<int>(header.groups);
  split.decoder_bytes = header.decoder_bytes;
  const size_t local = static_cast<size_t>(part.size(header.seconds)) + header.surplus;
  ASSIGN_OR_RETURN(split.frames.local, ReadIndices(local, header.frames));
  ASSIGN_OR_RETURN(split.frames.global,
                   ReadIndices(part.has_global() ? kGlobalFrames : 0, header.frames));
  RETURN_IF_ERROR(ReadDecoded(header, split));
  return split;
}

absl::Status AnswerReader::ReadDecoded(const AnswerHeader& header, SplitVideo& split) {
  if (header.decoded_groups > header.groups || header.decoded_frames > header.frames) {
    return absl::UnknownError("more decoded frames than there are");
  }
  split.decoded_groups = static_cast<int>(header.decoded_groups);
  split.decoded_frames = static_cast<int>(header.decoded_frames);
  split.pixels.resize(header.frames);
  for (uint32_t i = 0; i < header.decoded_frames; ++i) {
    ASSIGN_OR_RETURN(const std::vector<int> position, ReadIndices(1, header.frames));
    std::vector<uint8_t>& pixels = split.pixels[static_cast<size_t>(position[0])];
    if (!pixels.empty()) return absl::UnknownError("a frame that came before");
    ASSIGN_OR_RETURN(pixels, ReadPixels());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<uint8_t>> AnswerReader::ReadPixels() {
  std::vector<uint8_t> pixels(kFrameBytes);
  RETURN_IF_ERROR(Read(pixels.data(), pixels.size()));
  return pixels;
}

absl::Status AnswerReader::CheckCounts(const AnswerHeader& header, const FramePart& part,
                                       int max_seconds) {
  if (header.seconds < 1 || header.seconds > max_seconds) {
    return absl::UnknownError(absl::StrCat("a video of ", header.seconds, " s"));
  }
  if (header.frames < 1 || header.frames > MaxFrames(header.seconds)) {
    return absl::UnknownError(absl::StrCat("a video of ", header.frames, " distinct frames"));
  }
  const int others = kLocalFrameRate * header.seconds - part.size(header.seconds);
  const bool all = part.has_global() && static_cast<int64_t>(header.surplus) == others;
  if (part.size(header.seconds) < 1 || (header.surplus != 0 && !all)) {
    return absl::UnknownError("other frames than those asked for");
  }
  return absl::OkStatus();
}

absl::StatusOr<VideoFrames> AnswerReader::ReadFrames(const AnswerHeader& header,
                                                     const FramePart& part, int max_seconds) {
  RETURN_IF_ERROR(CheckCounts(header, part, max_seconds));
  VideoFrames video;
  video.seconds = header.seconds;
  const size_t local = static_cast<size_t>(part.size(header.seconds)) + header.surplus;
  ASSIGN_OR_RETURN(video.local, ReadIndices(local, header.frames));
  ASSIGN_OR_RETURN(video.global, ReadIndices(part.has_global() ? kGlobalFrames : 0, header.frames));
  for (uint32_t i = 0; i < header.frames; ++i) {
    ASSIGN_OR_RETURN(video.frames.emplace_back(), ReadPixels());
  }
  return video;
}

absl::StatusOr<DecodedSound> AnswerReader::ReadSound(const AnswerHeader& header) {
  if (header.samples > kMostSoundSamples) {
    return absl::UnknownError(absl::StrCat("a sound of ", header.samples, " samples"));
  }
  DecodedSound sound;
  sound.sample_rate = static_cast<int>(std::min<uint32_t>(header.sample_rate, kMostSoundRate + 1));
  sound.samples.resize(header.samples);
  RETURN_IF_ERROR(Read(sound.samples.data(), sound.samples.size() * sizeof(float)));
  if (const absl::Status status = CheckSound(sound); !status.ok()) {
    return absl::UnknownError(status.message());
  }
  return sound;
}

absl::Status AnswerReader::ReadSoundPart(const AnswerHeader& header, const SoundLimits& limits,
                                         WholeSound* sound) {
  if (header.samples > kMostSoundPart || header.channels > kMostSoundChannels ||
      header.sample_rate > kMostSoundRate) {
    return absl::UnknownError("a part of a sound that is too large");
  }
  std::vector<std::vector<float>> channels(header.channels);
  for (std::vector<float>& channel : channels) {
    channel.resize(header.samples);
    RETURN_IF_ERROR(Read(channel.data(), channel.size() * sizeof(float)));
  }
  return sound->Append(static_cast<int>(header.sample_rate), channels, limits);
}

absl::StatusOr<PictureInfo> AnswerReader::ReadPictureInfo(const Limits& limits) {
  PictureInfo info;
  RETURN_IF_ERROR(Read(&info, sizeof(info)));
  const bool plausible = info.width >= 0 && info.width <= limits.max_frame_width &&
                         info.height >= 0 && info.height <= limits.max_frame_height &&
                         info.frames >= 1 && info.frame_rate > 0 &&
                         std::isfinite(info.frame_rate) && info.seconds >= 0.5 &&
                         info.seconds <= limits.max_video_seconds;
  if (!plausible) return absl::UnknownError("a video that can't be");
  return info;
}

absl::StatusOr<Picture> AnswerReader::ReadPicture(const PictureOrder& order, size_t place,
                                                  const Limits& limits) {
  PictureSize size;
  RETURN_IF_ERROR(Read(&size, sizeof(size)));
  if (place >= order.at.size() || size.width < 1 || size.height < 1 ||
      !CheckFrameSize(size.width, size.height, limits).ok() ||
      (order.short_side > 0 && std::min(size.width, size.height) > order.short_side)) {
    return absl::UnknownError("a picture that nobody asked for");
  }
  Picture picture;
  picture.place = place;
  picture.width = size.width;
  picture.height = size.height;
  picture.channels = order.grey ? 1 : 3;
  picture.pixels.resize(static_cast<size_t>(size.width) * static_cast<size_t>(size.height) *
                        static_cast<size_t>(picture.channels));
  RETURN_IF_ERROR(Read(picture.pixels.data(), picture.pixels.size()));
  return picture;
}

absl::StatusOr<std::vector<int>> AnswerReader::ReadIndices(size_t count, uint32_t frames) {
  std::vector<int> indices(count);
  RETURN_IF_ERROR(Read(indices.data(), count * sizeof(int)));
  for (const int index : indices) {
    if (index < 0 || static_cast<uint32_t>(index) >= frames) {
      return absl::UnknownError(absl::StrCat("frame ", index, " of ", frames));
    }
  }
  return indices;
}

absl::Status AnswerReader::Read(void* bytes, size_t size) {
  auto* next = static_cast<char*>(bytes);
  while (size > 0) {
    RETURN_IF_ERROR(watch_.Check());
    const ssize_t got = read(fd_, next, size);
    if (got > 0) {
      next += got;
      size -= static_cast<size_t>(got);
      continue;
    }
    if (got == 0) {
      // A cancelled program is killed, so its early end is no crash.
      RETURN_IF_ERROR(watch_.Check());
      return absl::DataLossError("the answer ends early");
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return absl::UnknownError(std::strerror(errno));
    pollfd ready = {fd_, POLLIN, 0};
    // The end of the program wakes poll(), and so does cancelling, which kills the program.
    poll(&ready, 1, Milliseconds(watch_.left()));
  }
  return absl::OkStatus();
}

}  // namespace vidmuse
