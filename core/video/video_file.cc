#include "core/video/video_file.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/video/codec_allow_list.h"
#include "core/video/ffmpeg_util.h"
#include "core/video/file_kind.h"
#include "vidmuse/status_details.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavcodec/packet.h>
#include <libavformat/avformat.h>
#include <libavutil/dict.h>
#include <libavutil/display.h>
#include <libavutil/pixdesc.h>
}

namespace vidmuse {
namespace {

constexpr char kContainers[] = "mov,matroska,avi,mpegts,mpeg,flv,asf,ogg,mxf,gif,apng";
// Films have dozens of sound and subtitle tracks. The limit is needed because each stream takes
// memory before it is read.
constexpr int kMaxStreams = 256;
// A longer duration is not believed.
constexpr int64_t kLongestDurationUs = int64_t{1} << 60;
// Read errors in a row after which the rest of the file counts as lost.
constexpr int kMaxReadErrors = 64;

// Returns the clockwise degrees that turn the stored picture upright. Angles more than 1
// degree off a multiple of 90 count as 0.
int Rotation(const AVStream& stream) {
  size_t size = 0;
  const uint8_t* data = av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
  if (data == nullptr || size < 9 * sizeof(int32_t)) return 0;
  const double degrees = -av_display_rotation_get(reinterpret_cast<const int32_t*>(data));
  if (!std::isfinite(degrees)) return 0;
  const double quarters = std::round(degrees / 90);
  if (std::abs(degrees - 90 * quarters) > 1) return 0;
  return (static_cast<int>(quarters) % 4 + 4) % 4 * 90;
}

// Returns the bytes that a pixel takes in memory, rounded up; for an unknown format, the most.
int BytesPerPixel(int format) {
  constexpr int kMost = 8;
  const AVPixFmtDescriptor* descriptor = av_pix_fmt_desc_get(static_cast<AVPixelFormat>(format));
  if (descriptor == nullptr) return kMost;
  return std::clamp((av_get_padded_bits_per_pixel(descriptor) + 7) / 8, 1, kMost);
}

bool IsCover(const AVStream& stream) {
  return (stream.disposition & AV_DISPOSITION_ATTACHED_PIC) != 0;
}

bool IsPicture(const AVStream& stream) {
  const AVCodecID codec = stream.codecpar->codec_id;
  return IsCover(stream) ||
         (stream.nb_frames == 1 && (codec == AV_CODEC_ID_MJPEG || codec == AV_CODEC_ID_PNG));
}

// Returns the stream with the largest frames that is no picture, or -1 if there is none.
int LargestVideo(const AVFormatContext& format) {
  int best = -1;
  int64_t most = -1;
  for (unsigned i = 0; i < format.nb_streams; ++i) {
    const AVStream& stream = *format.streams[i];
    const AVCodecParameters& parameters = *stream.codecpar;
    const int64_t pixels = int64_t{parameters.width} * parameters.height;
    if (parameters.codec_type != AVMEDIA_TYPE_VIDEO || IsPicture(stream) || pixels <= most)
      continue;
    best = static_cast<int>(i);
    most = pixels;
  }
  return best;
}

}  // namespace

absl::Status CheckFrameSize(int64_t width, int64_t height, const Limits& limits) {
  const auto check = [&](absl::string_view name, int64_t value, int64_t limit) {
    if (value <= limit) return absl::OkStatus();
    return AboutLimit(
        absl::InvalidArgumentError(absl::StrCat("the video's frames are ", width, "x", height,
                                                " pixels; the limit is ", limit, " (", name, ")")),
        name, static_cast<double>(value));
  };
  RETURN_IF_ERROR(check("max_frame_width", width, limits.max_frame_width));
  RETURN_IF_ERROR(check("max_frame_height", height, limits.max_frame_height));
  return check("max_frame_pixels", width * height, limits.max_frame_pixels);
}

absl::StatusOr<std::unique_ptr<VideoFile>> VideoFile::Open(absl::string_view bytes,
                                                           const Limits& limits,
                                                           const DecodeWatch& watch,
                                                           bool ignore_edits) {
  std::unique_ptr<VideoFile> file(new VideoFile(bytes, watch));
  const absl::Status status = file->ReadHeader(limits, ignore_edits);
  RETURN_IF_ERROR(watch.Check());  // if set, this is why reading failed
  RETURN_IF_ERROR(status);
  return file;
}

absl::StatusOr<std::unique_ptr<VideoFile>> VideoFile::OpenGrowing(GrowingFile& growing,
                                                                  const Limits& limits,
                                                                  const DecodeWatch& watch) {
  std::unique_ptr<VideoFile> file(new VideoFile(growing, watch));
  const absl::Status status = file->ReadHeader(limits, /*ignore_edits=*/false);
  RETURN_IF_ERROR(watch.Check());
  RETURN_IF_ERROR(status);
  return file;
}

VideoFile::VideoFile(GrowingFile& growing, const DecodeWatch& watch)
    : watch_(watch), input_(growing, watch) {}

VideoFile::VideoFile(absl::string_view bytes, const DecodeWatch& watch)
    : bytes_(bytes), watch_(watch), input_(bytes, watch) {}

VideoFile::~VideoFile() { avformat_close_input(&format_); }

absl::Status VideoFile::ReadHeader(const Limits& limits, bool ignore_edits) {
  format_ = NewInput(input_.avio(), kContainers, kAllowedCodecs, kMaxStreams);
  TooManyStreams();  // resets the flag of an earlier file
  AVDictionary* options = nullptr;
  if (ignore_edits) av_dict_set(&options, "ignore_editlist", "1", 0);
  int error = avformat_open_input(&format_, /*url=*/nullptr, nullptr, &options);
  av_dict_free(&options);
  if (error < 0) return WhyNotOpened(error);
  // Completing the header may decode frames, so the known sizes are checked before.
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    const AVCodecParameters& parameters = *format_->streams[i]->codecpar;
    if (parameters.codec_type != AVMEDIA_TYPE_VIDEO) continue;
    RETURN_IF_ERROR(CheckFrameSize(parameters.width, parameters.height, limits));
  }
  error = avformat_find_stream_info(format_, nullptr);
  if (error < 0) return WhyNotOpened(error);
  return PickStream(limits);
}

absl::Status VideoFile::WhyNotOpened(int error) const {
  if (TooManyStreams()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the file has more than ", kMaxStreams, " streams, which is the limit"));
  }
  const std::string kind = OtherKind(bytes_, kContainers);
  return absl::InvalidArgumentError(absl::StrCat("the file is not a video that can be read (",
                                                 kind.empty() ? FfmpegError(error) : kind,
                                                 "): MP4, MOV, WebM, MKV, AVI, MPEG-TS, MPEG-PS, "
                                                 "FLV, ASF, Ogg, MXF, GIF and animated PNG are"));
}

absl::Status VideoFile::PickStream(const Limits& limits) {
  int index = av_find_best_stream(format_, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  if (index < 0) return absl::InvalidArgumentError("the file has no video stream");
  // A cover picture isn't always marked as one.
  if (IsPicture(*format_->streams[index])) {
    const int moving = LargestVideo(*format_);
    if (moving >= 0) index = moving;
  }
  if (IsCover(*format_->streams[index])) {
    return absl::InvalidArgumentError(
        "the file has no video stream: its only picture is a cover, which doesn't move");
  }
  stream_ = format_->streams[index];
  const AVCodecParameters& parameters = *stream_->codecpar;
  RETURN_IF_ERROR(CheckFrameSize(parameters.width, parameters.height, limits));
  header_.width = parameters.width;
  header_.height = parameters.height;
  header_.bytes_per_pixel = BytesPerPixel(parameters.format);
  header_.rotation = Rotation(*stream_);
  const AVRational rate = stream_->avg_frame_rate;
  if (rate.num > 0 && rate.den > 0) header_.frame_rate = static_cast<double>(rate.num) / rate.den;
  // Some writers to pipes leave a huge number of frames, from which FFmpeg guesses a duration.
  const int64_t size = avio_size(format_->pb);
  const bool placeholder = size >= 0 && stream_->nb_frames > size;
  if (!placeholder) header_.stated_frames = stream_->nb_frames;
  if (format_->duration > 0 && format_->duration < kLongestDurationUs && !placeholder &&
      format_->duration_estimation_method != AVFMT_DURATION_FROM_BITRATE) {
    header_.duration_us = format_->duration;
  }
  header_.indexed_packets = avformat_index_get_entries_count(stream_);
  header_.clock_may_jump = (format_->iformat->flags & AVFMT_TS_DISCONT) != 0;
  return absl::OkStatus();
}

const AVStream& VideoFile::stream(int index) const { return *format_->streams[index]; }

void VideoFile::KeepOnlyVideo() {
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    if (format_->streams[i] != stream_) format_->streams[i]->discard = AVDISCARD_ALL;
  }
}

void VideoFile::KeepSoundAndVideo() {
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    AVStream& stream = *format_->streams[i];
    if (&stream != stream_ && stream.codecpar->codec_type != AVMEDIA_TYPE_AUDIO) {
      stream.discard = AVDISCARD_ALL;
    }
  }
}

absl::StatusOr<bool> VideoFile::NextPacket(AVPacket* packet) {
  for (int errors = 0; errors < kMaxReadErrors;) {
    av_packet_unref(packet);
    const int result = av_read_frame(format_, packet);
    RETURN_IF_ERROR(watch_.Check());
    if (result == AVERROR_EOF) return false;
    if (result < 0) {
      ++errors;
    } else if (format_->streams[packet->stream_index]->discard < AVDISCARD_ALL) {
      return true;
    }  // else it was read with the header, before its stream was left out
  }
  return false;
}

}  // namespace vidmuse
