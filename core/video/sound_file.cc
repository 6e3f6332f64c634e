#include "core/video/sound_file.h"

#include <new>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/video/codec_allow_list.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libavutil/samplefmt.h>
}

namespace vidmuse {
namespace {

constexpr char kContainers[] =
    "wav,w64,aiff,caf,au,mp3,flac,ogg,aac,mov,matroska,asf,ac3,eac3,amr,ape,wv,tta,avi,mpegts,"
    "mpeg,flv,mxf";
constexpr int kMaxStreams = 64;
// Errors in a row after which the rest of the file counts as lost.
constexpr int kMaxErrors = 64;

// Scales the frame's channels to [-1, 1]. `zero` is silence.
template <typename Sample>
bool CopyScaled(const AVFrame& frame, double scale, double zero,
                std::vector<std::vector<double>>* channels) {
  const int count = frame.ch_layout.nb_channels;
  const bool planar = av_sample_fmt_is_planar(static_cast<AVSampleFormat>(frame.format)) != 0;
  channels->resize(count);
  for (int c = 0; c < count; ++c) {
    std::vector<double>& channel = (*channels)[c];
    channel.resize(frame.nb_samples);
    const auto* plane = reinterpret_cast<const Sample*>(frame.extended_data[planar ? c : 0]);
    for (int i = 0; i < frame.nb_samples; ++i) {
      channel[i] = (static_cast<double>(plane[planar ? i : i * count + c]) - zero) * scale;
    }
  }
  return true;
}

// Returns false if the samples are of a kind that isn't supported.
bool CopyChannels(const AVFrame& frame, std::vector<std::vector<double>>* channels) {
  switch (av_get_packed_sample_fmt(static_cast<AVSampleFormat>(frame.format))) {
    case AV_SAMPLE_FMT_U8:
      return CopyScaled<uint8_t>(frame, 0x1p-7, 128, channels);
    case AV_SAMPLE_FMT_S16:
      return CopyScaled<int16_t>(frame, 0x1p-15, 0, channels);
    case AV_SAMPLE_FMT_S32:
      return CopyScaled<int32_t>(frame, 0x1p-31, 0, channels);
    case AV_SAMPLE_FMT_FLT:
      return CopyScaled<float>(frame, 1, 0, channels);
    case AV_SAMPLE_FMT_DBL:
      return CopyScaled<double>(frame, 1, 0, channels);
    default:
      return false;
  }
}

}  // namespace

SoundFile::SoundFile(absl::string_view bytes, const SoundLimits& limits, const DecodeWatch& watch)
    : limits_(limits), watch_(watch), input_(bytes, watch), frame_(NewFrame()) {}

SoundFile::~SoundFile() {
  avcodec_free_context(&decoder_);
  avformat_close_input(&format_);
}

absl::Status SoundFile::Open() {
  format_ = NewInput(input_.avio(), kContainers, kAllowedSoundCodecs, kMaxStreams);
  int error = avformat_open_input(&format_, /*url=*/nullptr, nullptr, nullptr);
  if (error >= 0) error = avformat_find_stream_info(format_, nullptr);
  RETURN_IF_ERROR(watch_.Check());  // if set, this is why reading failed
  if (error < 0) {
    return limits_.Refuse(
        absl::StrCat("is not sound that can be read (", FfmpegError(error),
                     "): WAV, FLAC, MP3, Ogg, M4A, AAC, AIFF, CAF, WMA, AMR and the sound "
                     "of videos are"));
  }
  stream_ = av_find_best_stream(format_, AVMEDIA_TYPE_AUDIO, -1, -1, nullptr, 0);
  if (stream_ < 0) return limits_.Refuse("has no audio stream");
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    if (static_cast<int>(i) != stream_) format_->streams[i]->discard = AVDISCARD_ALL;
  }
  return OpenDecoder(*format_->streams[stream_]);
}

absl::Status SoundFile::OpenDecoder(const AVStream& stream) {
  const AVCodecParameters& parameters = *stream.codecpar;
  RETURN_IF_ERROR(limits_.CheckKind(parameters.sample_rate, parameters.ch_layout.nb_channels));
  const AVCodec* codec = avcodec_find_decoder(parameters.codec_id);
  int error = AVERROR_DECODER_NOT_FOUND;
  if (codec != nullptr) {
    decoder_ = avcodec_alloc_context3(codec);
    if (decoder_ == nullptr) throw std::bad_alloc();
    error = avcodec_parameters_to_context(decoder_, &parameters);
  }
  if (error >= 0) {
    decoder_->pkt_timebase = stream.time_base;
    decoder_->thread_count = 1;
    av_opt_set(decoder_, "codec_whitelist", kAllowedSoundCodecs, 0);
    error = avcodec_open2(decoder_, codec, nullptr);
  }
  if (error >= 0) return absl::OkStatus();
  return limits_.Refuse(absl::StrCat(
      "has a codec that is not supported or damaged: ", avcodec_get_name(parameters.codec_id), " (",
      FfmpegError(error), ")"));
}

absl::Status SoundFile::TakeFrame(const TakeSamples& take) {
  RETURN_IF_ERROR(limits_.CheckKind(frame_->sample_rate, frame_->ch_layout.nb_channels));
  if (sample_rate_ == 0) sample_rate_ = frame_->sample_rate;
  if (frame_->sample_rate != sample_rate_) return limits_.Refuse("changes its sample rate");
  samples_ += frame_->nb_samples;
  RETURN_IF_ERROR(limits_.CheckNotTooLong(samples_, sample_rate_));
  if (!CopyChannels(*frame_, &channels_)) {
    return limits_.Refuse("has samples of a kind that is not supported");
  }
  return take(sample_rate_, channels_);
}

absl::Status SoundFile::DecodePacket(const AVPacket* packet, const TakeSamples& take) {
  bool damaged = avcodec_send_packet(decoder_, packet) < 0;
  for (int errors = 0; errors < kMaxErrors;) {
    const int error = avcodec_receive_frame(decoder_, frame_.get());
    if (error == AVERROR(EAGAIN) || error == AVERROR_EOF) break;
    if (error < 0) {
      damaged = true;
      ++errors;
      continue;
    }
    RETURN_IF_ERROR(TakeFrame(take));
  }
  if (damaged) ++damaged_;
  return watch_.Check();
}

absl::Status SoundFile::Decode(const TakeSamples& take) {
  const AvPacketPtr packet = NewPacket();
  for (int errors = 0; errors < kMaxErrors;) {
    const int error = av_read_frame(format_, packet.get());
    RETURN_IF_ERROR(watch_.Check());
    if (error == AVERROR_EOF) break;
    if (error < 0) {
      ++errors;
      continue;
    }
    if (packet->stream_index == stream_) {
      ++packets_;
      RETURN_IF_ERROR(DecodePacket(packet.get(), take));
    }
    av_packet_unref(packet.get());
  }
  RETURN_IF_ERROR(DecodePacket(nullptr, take));
  if (2 * damaged_ > packets_) return limits_.Refuse("is too damaged");
  return absl::OkStatus();
}

}  // namespace vidmuse
