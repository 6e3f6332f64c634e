extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
}

#include <algorithm>
#include <cmath>
#include <memory>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/train/media_files.h"
#include "core/train/synthetic_music.h"
#include "core/video/ffmpeg_util.h"

namespace vidmuse::train {
namespace {

struct FormatDeleter {
  void operator()(AVFormatContext* format) const { avformat_close_input(&format); }
};
struct CodecDeleter {
  void operator()(AVCodecContext* codec) const { avcodec_free_context(&codec); }
};
struct ResamplerDeleter {
  void operator()(SwrContext* resampler) const { swr_free(&resampler); }
};

// Decodes and resamples one file.
class AudioFile {
 public:
  explicit AudioFile(const std::string& path) : path_(path) {}

  absl::Status Open() {
    AVFormatContext* format = nullptr;
    RETURN_IF_ERROR(Check(avformat_open_input(&format, path_.c_str(), nullptr, nullptr)));
    format_.reset(format);
    RETURN_IF_ERROR(Check(avformat_find_stream_info(format, nullptr)));
    const AVCodec* decoder = nullptr;
    stream_ = av_find_best_stream(format, AVMEDIA_TYPE_AUDIO, -1, -1, &decoder, 0);
    RETURN_IF_ERROR(Check(stream_));
    codec_.reset(avcodec_alloc_context3(decoder));
    RETURN_IF_ERROR(
        Check(avcodec_parameters_to_context(codec_.get(), format->streams[stream_]->codecpar)));
    return Check(avcodec_open2(codec_.get(), decoder, nullptr));
  }

  // Reads the first `count` samples, or fewer if the file ends earlier.
  absl::StatusOr<std::vector<float>> Read(size_t count) {
    std::vector<float> samples;
    const AvPacketPtr packet = NewPacket();
    while (samples.size() < count && av_read_frame(format_.get(), packet.get()) >= 0) {
      if (packet->stream_index == stream_) {
        // Damaged packets are skipped.
        if (avcodec_send_packet(codec_.get(), packet.get()) >= 0) RETURN_IF_ERROR(Drain(&samples));
      }
      av_packet_unref(packet.get());
    }
    avcodec_send_packet(codec_.get(), nullptr);
    RETURN_IF_ERROR(Drain(&samples));
    if (resampler_ != nullptr) RETURN_IF_ERROR(Convert(nullptr, 0, &samples));
    samples.resize(std::min(samples.size(), count));
    return samples;
  }

 private:
  absl::Status Check(int code) const {
    if (code >= 0) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(path_, ": ", FfmpegError(code)));
  }

  absl::Status Drain(std::vector<float>* samples) {
    const AvFramePtr frame = NewFrame();
    while (avcodec_receive_frame(codec_.get(), frame.get()) >= 0) {
      if (resampler_ == nullptr) RETURN_IF_ERROR(OpenResampler(*frame));
      RETURN_IF_ERROR(
          Convert(const_cast<const uint8_t**>(frame->extended_data), frame->nb_samples, samples));
      av_frame_unref(frame.get());
    }
    return absl::OkStatus();
  }

  absl::Status OpenResampler(const AVFrame& frame) {
    AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO;
    AVChannelLayout from;
    if (frame.ch_layout.order == AV_CHANNEL_ORDER_UNSPEC) {
      av_channel_layout_default(&from, frame.ch_layout.nb_channels);
    } else {
      RETURN_IF_ERROR(Check(av_channel_layout_copy(&from, &frame.ch_layout)));
    }
    SwrContext* resampler = nullptr;
    const int made = swr_alloc_set_opts2(&resampler, &mono, AV_SAMPLE_FMT_FLT, kMusicRate, &from,
                                         static_cast<AVSampleFormat>(frame.format),
                                         frame.sample_rate, 0, nullptr);
    av_channel_layout_uninit(&from);
    RETURN_IF_ERROR(Check(made));
    resampler_.reset(resampler);
    return Check(swr_init(resampler));
  }

  // Resamples `count` samples per channel. A null `data` flushes the resampler.
  absl::Status Convert(const uint8_t** data, int count, std::vector<float>* samples) {
    const int room = swr_get_out_samples(resampler_.get(), count);
    RETURN_IF_ERROR(Check(room));
    const size_t before = samples->size();
    samples->resize(before + static_cast<size_t>(room));
    auto* out = reinterpret_cast<uint8_t*>(samples->data() + before);
    const int made = swr_convert(resampler_.get(), &out, room, data, count);
    RETURN_IF_ERROR(Check(made));
    samples->resize(before + static_cast<size_t>(made));
    return absl::OkStatus();
  }

  const std::string path_;
  std::unique_ptr<AVFormatContext, FormatDeleter> format_;
  std::unique_ptr<AVCodecContext, CodecDeleter> codec_;
  std::unique_ptr<SwrContext, ResamplerDeleter> resampler_;
  int stream_ = -1;
};

}  // namespace

absl::StatusOr<std::vector<float>> ReadAudio(const std::string& path, double start,
                                             double seconds) {
  constexpr double kLongest = 6 * 3600;  // seconds
  if (!(start >= 0 && seconds > 0 && start + seconds <= kLongest)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": ", seconds, " s from ", start, " s on, expected up to six hours"));
  }
  InitFfmpeg();
  AudioFile file(path);
  RETURN_IF_ERROR(file.Open());
  // Decodes from the beginning, because seeking isn't exact in every format.
  const auto first = static_cast<size_t>(std::lround(start * kMusicRate));
  const auto count = static_cast<size_t>(std::lround(seconds * kMusicRate));
  ASSIGN_OR_RETURN(std::vector<float> samples, file.Read(first + count));
  samples.erase(samples.begin(), samples.begin() + std::min(first, samples.size()));
  return samples;
}

}  // namespace vidmuse::train
