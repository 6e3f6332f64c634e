#include "core/audio/ffmpeg_encoder.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/dict.h>
#include <libavutil/log.h>
}

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/audio/sample_format.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

constexpr int kIoBufferBytes = 4096;
constexpr int64_t kMp3BitsPerSecond = 128'000;  // per channel
constexpr int kVorbisQuality = 6;
// STREAMINFO stores the number of samples in 36 bits.
constexpr int64_t kMaxFlacSamples = (int64_t{1} << 36) - 1;

struct FormatInfo {
  const char* name;   // for error messages
  const char* muxer;  // FFmpeg's names
  const char* encoder;
};

FormatInfo InfoFor(AudioFormat format) {
  if (format == AudioFormat::kFlac) return {"FLAC", "flac", "flac"};
  if (format == AudioFormat::kMp3) return {"MP3", "mp3", "libmp3lame"};
  return {"Ogg Vorbis", "ogg", "libvorbis"};
}

absl::Status FfmpegError(absl::string_view what, int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof(text));
  const std::string message = absl::StrCat(what, ": ", text);
  if (code == AVERROR(ENOMEM)) return absl::ResourceExhaustedError(message);
  return absl::InternalError(message);
}

// Keeps FFmpeg's own lines off standard error, where the server writes its log. What fails is told
// by error codes.
void SilenceFfmpeg() {
  static const bool done = [] {
    av_log_set_level(AV_LOG_QUIET);
    return true;
  }();
  static_cast<void>(done);
}

struct CodecDeleter {
  void operator()(AVCodecContext* codec) const { avcodec_free_context(&codec); }
};
struct FrameDeleter {
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
};
struct PacketDeleter {
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
};
struct MuxerDeleter {
  void operator()(AVFormatContext* muxer) const { avformat_free_context(muxer); }
};
struct IoDeleter {
  void operator()(AVIOContext* io) const {
    av_freep(&io->buffer);
    avio_context_free(&io);
  }
};
using CodecPtr = std::unique_ptr<AVCodecContext, CodecDeleter>;

absl::Status SetVorbisComments(const Origin& origin, AVDictionary** comments) {
  std::vector<std::pair<std::string, std::string>> fields =
      OriginFields(origin, MarkedFile::kAudio);
  fields.emplace_back("DESCRIPTION", OriginComment(origin, MarkedFile::kAudio));
  for (const auto& [name, value] : fields) {
    if (const int error = av_dict_set(comments, name.c_str(), value.c_str(), 0); error < 0) {
      return FfmpegError("mark of origin", error);
    }
  }
  return absl::OkStatus();
}

class FfmpegEncoder : public AudioEncoder {
 public:
  FfmpegEncoder(AudioFormat format, int channels) : format_(format), channels_(channels) {}
  FfmpegEncoder(const FfmpegEncoder&) = delete;  // the I/O context points at this object
  FfmpegEncoder& operator=(const FfmpegEncoder&) = delete;

  absl::Status Init(int sample_rate, int64_t total_samples, const std::optional<Origin>& origin);
  absl::Status Encode(absl::Span<const float> samples, bool last, std::string* out) override;

 private:
  static int Write(void* opaque, uint8_t* data, int size);
  absl::Status OpenCodec(const AVCodec* codec, int sample_rate);
  absl::Status OpenMuxer(int64_t total_samples, const std::optional<Origin>& origin);
  absl::Status SendFrame();
  absl::Status FillFrame();
  absl::Status MuxPackets();

  const AudioFormat format_;
  const int channels_;
  std::string bytes_;  // written by the muxer, not yet handed out
  CodecPtr codec_;
  std::unique_ptr<AVIOContext, IoDeleter> io_;
  std::unique_ptr<AVFormatContext, MuxerDeleter> muxer_;  // destroyed before `io_`, which it uses
  std::unique_ptr<AVFrame, FrameDeleter> frame_;
  std::unique_ptr<AVPacket, PacketDeleter> packet_;
  std::vector<float> held_;  // interleaved, less than one codec frame
  int64_t next_pts_ = 0;     // in samples
};

int FfmpegEncoder::Write(void* opaque, uint8_t* data, int size) {
  static_cast<FfmpegEncoder*>(opaque)->bytes_.append(reinterpret_cast<char*>(data),
                                                     static_cast<size_t>(size));
  return size;
}

absl::Status FfmpegEncoder::Init(int sample_rate, int64_t total_samples,
                                 const std::optional<Origin>& origin) {
  SilenceFfmpeg();
  const FormatInfo info = InfoFor(format_);
  if (format_ == AudioFormat::kFlac && total_samples > kMaxFlacSamples) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a FLAC file of ", total_samples, " samples is over its limit of ", kMaxFlacSamples));
  }
  const AVCodec* codec = avcodec_find_encoder_by_name(info.encoder);
  if (codec == nullptr) {
    return absl::UnimplementedError(
        absl::StrCat("this build of FFmpeg has no encoder ", info.encoder, " for ", info.name));
  }
  if (const int* rates = codec->supported_samplerates; rates != nullptr) {
    while (*rates != 0 && *rates != sample_rate) ++rates;
    if (*rates == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(info.name, " can't be encoded at a sample rate of ", sample_rate, " Hz"));
    }
  }
  frame_.reset(av_frame_alloc());
  packet_.reset(av_packet_alloc());
  if (frame_ == nullptr || packet_ == nullptr) {
    return FfmpegError("audio frame", AVERROR(ENOMEM));
  }
  RETURN_IF_ERROR(OpenCodec(codec, sample_rate));
  if (origin.has_value() && format_ == AudioFormat::kMp3) bytes_ = OriginId3Tag(*origin);
  return OpenMuxer(total_samples, origin);
}

absl::Status FfmpegEncoder::OpenCodec(const AVCodec* codec, int sample_rate) {
  codec_.reset(avcodec_alloc_context3(codec));
  if (codec_ == nullptr) return FfmpegError("audio encoder", AVERROR(ENOMEM));
  codec_->sample_rate = sample_rate;
  codec_->time_base = {1, sample_rate};
  codec_->sample_fmt = format_ == AudioFormat::kFlac ? AV_SAMPLE_FMT_S16 : AV_SAMPLE_FMT_FLTP;
  av_channel_layout_default(&codec_->ch_layout, channels_);
  codec_->thread_count = 1;
  // Leaves out version strings, so that the same song gives the same bytes.
  codec_->flags |= AV_CODEC_FLAG_BITEXACT;
  if (format_ == AudioFormat::kMp3) codec_->bit_rate = kMp3BitsPerSecond * channels_;
  if (format_ == AudioFormat::kOggVorbis) {
    codec_->flags |= AV_CODEC_FLAG_QSCALE;
    codec_->global_quality = FF_QP2LAMBDA * kVorbisQuality;
  }
  if (const int error = avcodec_open2(codec_.get(), codec, nullptr); error < 0) {
    return FfmpegError(absl::StrCat("encoder ", codec->name, " at ", sample_rate, " Hz"), error);
  }
  return absl::OkStatus();
}

absl::Status FfmpegEncoder::OpenMuxer(int64_t total_samples, const std::optional<Origin>& origin) {
  auto* buffer = static_cast<unsigned char*>(av_malloc(kIoBufferBytes));
  if (buffer == nullptr) return FfmpegError("audio buffer", AVERROR(ENOMEM));
  io_.reset(
      avio_alloc_context(buffer, kIoBufferBytes, /*write_flag=*/1, this, nullptr, &Write, nullptr));
  if (io_ == nullptr) {
    av_free(buffer);
    return FfmpegError("audio buffer", AVERROR(ENOMEM));
  }
  io_->seekable = 0;
  const char* name = InfoFor(format_).muxer;
  AVFormatContext* muxer = nullptr;
  if (const int error = avformat_alloc_output_context2(&muxer, nullptr, name, nullptr); error < 0) {
    return FfmpegError(absl::StrCat("muxer ", name), error);
  }
  muxer_.reset(muxer);
  muxer->pb = io_.get();
  muxer->flags |= AVFMT_FLAG_BITEXACT;  // a fixed Ogg serial number, no dates
  AVStream* stream = avformat_new_stream(muxer, nullptr);
  if (stream == nullptr) return FfmpegError(absl::StrCat("muxer ", name), AVERROR(ENOMEM));
  stream->time_base = codec_->time_base;
  if (const int error = avcodec_parameters_from_context(stream->codecpar, codec_.get());
      error < 0) {
    return FfmpegError(absl::StrCat("muxer ", name), error);
  }
  if (format_ == AudioFormat::kFlac && stream->codecpar->extradata_size >= 18) {
    // STREAMINFO's total number of samples is the low 36 bits of bytes 10 to 17 (RFC 9639, section
    // 8.2). FFmpeg would seek back at the end to fill them in, which this output can't do.
    uint8_t* info = stream->codecpar->extradata;
    info[13] = static_cast<uint8_t>((info[13] & 0xf0) | (total_samples >> 32 & 0x0f));
    for (int i = 0; i < 4; ++i) info[14 + i] = static_cast<uint8_t>(total_samples >> (24 - 8 * i));
  }
  if (origin.has_value() && format_ != AudioFormat::kMp3) {
    RETURN_IF_ERROR(SetVorbisComments(*origin, &muxer->metadata));
  }
  AVDictionary* options = nullptr;
  if (format_ == AudioFormat::kFlac) av_dict_set(&options, "metadata_header_padding", "0", 0);
  if (format_ == AudioFormat::kMp3) {
    av_dict_set(&options, "write_xing", "0", 0);
    av_dict_set(&options, "id3v2_version", "0", 0);
  }
  if (format_ == AudioFormat::kOggVorbis) av_dict_set(&options, "page_duration", "200000", 0);
  const int error = avformat_write_header(muxer, &options);
  av_dict_free(&options);
  if (error < 0) return FfmpegError(absl::StrCat("header of ", name), error);
  return absl::OkStatus();
}

absl::Status FfmpegEncoder::Encode(absl::Span<const float> samples, bool last, std::string* out) {
  const size_t frame_values =
      static_cast<size_t>(codec_->frame_size) * static_cast<size_t>(channels_);
  while (!samples.empty()) {
    const size_t take = std::min(samples.size(), frame_values - held_.size());
    held_.insert(held_.end(), samples.begin(), samples.begin() + static_cast<int64_t>(take));
    samples.remove_prefix(take);
    if (held_.size() == frame_values) RETURN_IF_ERROR(SendFrame());
  }
  if (last) {
    if (!held_.empty()) RETURN_IF_ERROR(SendFrame());
    if (const int error = avcodec_send_frame(codec_.get(), nullptr); error < 0) {
      return FfmpegError("end of the audio", error);
    }
    RETURN_IF_ERROR(MuxPackets());
    // FLAC's trailer would only rewrite the header, which this output can't do.
    const int error = format_ == AudioFormat::kFlac ? 0 : av_write_trailer(muxer_.get());
    if (error < 0) return FfmpegError("end of the audio file", error);
  }
  avio_flush(io_.get());
  if (io_->error < 0) return FfmpegError("audio bytes", io_->error);
  out->append(std::exchange(bytes_, {}));
  return absl::OkStatus();
}

absl::Status FfmpegEncoder::SendFrame() {
  RETURN_IF_ERROR(FillFrame());
  const int error = avcodec_send_frame(codec_.get(), frame_.get());
  av_frame_unref(frame_.get());
  if (error < 0) return FfmpegError(absl::StrCat("audio at sample ", next_pts_), error);
  return MuxPackets();
}

// Moves the samples of `held_` to `frame_`.
absl::Status FfmpegEncoder::FillFrame() {
  frame_->nb_samples = static_cast<int>(held_.size()) / channels_;
  frame_->format = codec_->sample_fmt;
  frame_->sample_rate = codec_->sample_rate;
  frame_->pts = next_pts_;
  int error = av_channel_layout_copy(&frame_->ch_layout, &codec_->ch_layout);
  if (error >= 0) error = av_frame_get_buffer(frame_.get(), 0);
  if (error < 0) return FfmpegError("audio frame", error);
  next_pts_ += frame_->nb_samples;
  if (format_ == AudioFormat::kFlac) {
    auto* values = reinterpret_cast<int16_t*>(frame_->data[0]);
    std::transform(held_.begin(), held_.end(), values, ToInt16);
  } else {
    for (size_t i = 0; i < held_.size(); ++i) {
      const size_t channel = i % static_cast<size_t>(channels_);
      auto* plane = reinterpret_cast<float*>(frame_->data[channel]);
      plane[i / static_cast<size_t>(channels_)] = ToUnitRange(held_[i]);
    }
  }
  held_.clear();
  return absl::OkStatus();
}

absl::Status FfmpegEncoder::MuxPackets() {
  while (true) {
    const int received = avcodec_receive_packet(codec_.get(), packet_.get());
    if (received == AVERROR(EAGAIN) || received == AVERROR_EOF) return absl::OkStatus();
    if (received < 0) return FfmpegError("audio packet", received);
    packet_->stream_index = 0;
    av_packet_rescale_ts(packet_.get(), codec_->time_base, muxer_->streams[0]->time_base);
    const int written = av_write_frame(muxer_.get(), packet_.get());
    av_packet_unref(packet_.get());
    if (written < 0) return FfmpegError("audio file", written);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<AudioEncoder>> CreateFfmpegEncoder(
    AudioFormat format, int sample_rate, int channels, int64_t total_samples,
    const std::optional<Origin>& origin) {
  auto encoder = std::make_unique<FfmpegEncoder>(format, channels);
  RETURN_IF_ERROR(encoder->Init(sample_rate, total_samples, origin));
  return encoder;
}

}  // namespace vidmuse
