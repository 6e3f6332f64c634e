#include "core/video/sound_decoder.h"

#include <algorithm>
#include <cmath>
#include <new>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/status_macros.h"
#include "core/video/codec_allow_list.h"
#include "core/video/decode_watch.h"
#include "core/video/ffmpeg_util.h"
#include "core/video/memory_input.h"
#include "vidmuse/status_details.h"

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

int RefuseOpen(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) {
  return AVERROR(EPERM);
}

absl::Status Refuse(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("prompt_audio ", what));
}

absl::Status OverLimit(absl::string_view what, double value, absl::string_view limit, double most) {
  return AboutLimit(
      Refuse(absl::StrFormat("has %.15g %s; the limit is %.15g (%s)", value, what, most, limit)),
      limit, value);
}

absl::Status CheckKind(int sample_rate, int channels) {
  if (sample_rate < kLeastSoundRate) {
    return Refuse(
        absl::StrCat("has a sample rate of ", sample_rate, " Hz, less than ", kLeastSoundRate));
  }
  if (sample_rate > kMostSoundRate) {
    return OverLimit("samples a second", sample_rate, "max_prompt_sample_rate", kMostSoundRate);
  }
  if (channels < 1) return Refuse("has no channels");
  if (channels <= kMostSoundChannels) return absl::OkStatus();
  return OverLimit("channels", channels, "max_prompt_channels", kMostSoundChannels);
}

absl::Status CheckNotTooLong(int64_t samples, int sample_rate) {
  const double seconds = static_cast<double>(samples) / sample_rate;
  if (seconds <= kMostSoundSeconds) return absl::OkStatus();
  return OverLimit("or more seconds", seconds, "max_prompt_seconds", kMostSoundSeconds);
}

// Adds the mean of the frame's channels, scaled to [-1, 1]. `zero` is silence.
template <typename Sample>
void AppendMean(const AVFrame& frame, double scale, double zero, std::vector<float>* samples) {
  const int channels = frame.ch_layout.nb_channels;
  const bool planar = av_sample_fmt_is_planar(static_cast<AVSampleFormat>(frame.format)) != 0;
  for (int i = 0; i < frame.nb_samples; ++i) {
    double sum = 0;
    for (int c = 0; c < channels; ++c) {
      const auto* plane = reinterpret_cast<const Sample*>(frame.extended_data[planar ? c : 0]);
      sum += static_cast<double>(plane[planar ? i : i * channels + c]) - zero;
    }
    samples->push_back(static_cast<float>(sum * scale / channels));
  }
}

absl::Status Append(const AVFrame& frame, std::vector<float>* samples) {
  switch (av_get_packed_sample_fmt(static_cast<AVSampleFormat>(frame.format))) {
    case AV_SAMPLE_FMT_U8:
      AppendMean<uint8_t>(frame, 0x1p-7, 128, samples);
      return absl::OkStatus();
    case AV_SAMPLE_FMT_S16:
      AppendMean<int16_t>(frame, 0x1p-15, 0, samples);
      return absl::OkStatus();
    case AV_SAMPLE_FMT_S32:
      AppendMean<int32_t>(frame, 0x1p-31, 0, samples);
      return absl::OkStatus();
    case AV_SAMPLE_FMT_FLT:
      AppendMean<float>(frame, 1, 0, samples);
      return absl::OkStatus();
    case AV_SAMPLE_FMT_DBL:
      AppendMean<double>(frame, 1, 0, samples);
      return absl::OkStatus();
    default:
      return Refuse("has samples of a kind that is not supported");
  }
}

// Not thread-safe.
class SoundFile {
 public:
  SoundFile(absl::string_view bytes, const DecodeWatch& watch)
      : watch_(watch), input_(bytes, watch), frame_(NewFrame()) {}
  ~SoundFile() {
    avcodec_free_context(&decoder_);
    avformat_close_input(&format_);
  }
  SoundFile(const SoundFile&) = delete;
  SoundFile& operator=(const SoundFile&) = delete;

  absl::Status Open();
  absl::StatusOr<DecodedSound> Decode();

 private:
  absl::Status OpenDecoder(const AVStream& stream);
  // Null at the end of the file.
  absl::Status DecodePacket(const AVPacket* packet);
  absl::Status Take();

  const DecodeWatch& watch_;
  MemoryInput input_;
  const AvFramePtr frame_;
  AVFormatContext* format_ = nullptr;
  AVCodecContext* decoder_ = nullptr;
  int stream_ = -1;
  int64_t packets_ = 0;
  int64_t damaged_ = 0;  // packets
  DecodedSound sound_;
};

absl::Status SoundFile::Open() {
  format_ = avformat_alloc_context();
  if (format_ == nullptr) throw std::bad_alloc();
  format_->pb = input_.avio();
  format_->io_open = RefuseOpen;
  format_->max_streams = kMaxStreams;
  av_opt_set(format_, "format_whitelist", kContainers, 0);
  av_opt_set(format_, "codec_whitelist", kAllowedSoundCodecs, 0);
  int error = avformat_open_input(&format_, /*url=*/nullptr, nullptr, nullptr);
  if (error >= 0) error = avformat_find_stream_info(format_, nullptr);
  RETURN_IF_ERROR(watch_.Check());  // if set, this is why reading failed
  if (error < 0) {
    return Refuse(
        absl::StrCat("is not sound that can be read (", FfmpegError(error),
                     "): WAV, FLAC, MP3, Ogg, M4A, AAC, AIFF, CAF, WMA, AMR and the sound "
                     "of videos are"));
  }
  stream_ = av_find_best_stream(format_, AVMEDIA_TYPE_AUDIO, -1, -1, nullptr, 0);
  if (stream_ < 0) return Refuse("has no audio stream");
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    if (static_cast<int>(i) != stream_) format_->streams[i]->discard = AVDISCARD_ALL;
  }
  return OpenDecoder(*format_->streams[stream_]);
}

absl::Status SoundFile::OpenDecoder(const AVStream& stream) {
  const AVCodecParameters& parameters = *stream.codecpar;
  RETURN_IF_ERROR(CheckKind(parameters.sample_rate, parameters.ch_layout.nb_channels));
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
  return Refuse(absl::StrCat("has a codec that is not supported or damaged: ",
                             avcodec_get_name(parameters.codec_id), " (", FfmpegError(error), ")"));
}

absl::Status SoundFile::Take() {
  RETURN_IF_ERROR(CheckKind(frame_->sample_rate, frame_->ch_layout.nb_channels));
  if (sound_.sample_rate == 0) sound_.sample_rate = frame_->sample_rate;
  if (frame_->sample_rate != sound_.sample_rate) return Refuse("changes its sample rate");
  const auto samples = static_cast<int64_t>(sound_.samples.size()) + frame_->nb_samples;
  RETURN_IF_ERROR(CheckNotTooLong(samples, sound_.sample_rate));
  return Append(*frame_, &sound_.samples);
}

absl::Status SoundFile::DecodePacket(const AVPacket* packet) {
  bool damaged = avcodec_send_packet(decoder_, packet) < 0;
  for (int errors = 0; errors < kMaxErrors;) {
    const int error = avcodec_receive_frame(decoder_, frame_.get());
    if (error == AVERROR(EAGAIN) || error == AVERROR_EOF) break;
    if (error < 0) {
      damaged = true;
      ++errors;
      continue;
    }
    RETURN_IF_ERROR(Take());
  }
  if (damaged) ++damaged_;
  return watch_.Check();
}

absl::StatusOr<DecodedSound> SoundFile::Decode() {
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
      RETURN_IF_ERROR(DecodePacket(packet.get()));
    }
    av_packet_unref(packet.get());
  }
  RETURN_IF_ERROR(DecodePacket(nullptr));
  if (2 * damaged_ > packets_) return Refuse("is too damaged");
  return std::move(sound_);
}

}  // namespace

absl::Status CheckSound(const DecodedSound& sound) {
  if (sound.samples.empty()) return Refuse("has no samples");
  RETURN_IF_ERROR(CheckKind(sound.sample_rate, 1));
  const auto count = static_cast<int64_t>(sound.samples.size());
  RETURN_IF_ERROR(CheckNotTooLong(count, sound.sample_rate));
  const double seconds = static_cast<double>(count) / sound.sample_rate;
  if (seconds < kLeastSoundSeconds) {
    return Refuse(absl::StrFormat("is %.3f s long, less than %g", seconds, kLeastSoundSeconds));
  }
  const bool plausible = std::all_of(sound.samples.begin(), sound.samples.end(), [](float sample) {
    return std::abs(sample) <= kMostSoundSample;  // false for NaN
  });
  return plausible ? absl::OkStatus()
                   : Refuse("has samples that are infinite, no numbers, or far over full scale");
}

absl::StatusOr<DecodedSound> DecodeSound(absl::string_view file, const Limits& limits,
                                         const CancelFlag& cancel) {
  InitFfmpeg();
  const DecodeWatch watch(cancel, ReadTimeLimit(file.size(), limits), kSoundSubject);
  SoundFile opened(file, watch);
  RETURN_IF_ERROR(opened.Open());
  ASSIGN_OR_RETURN(DecodedSound sound, opened.Decode());
  RETURN_IF_ERROR(CheckSound(sound));
  return sound;
}

}  // namespace vidmuse
