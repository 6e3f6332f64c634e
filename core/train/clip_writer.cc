extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>
}

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "core/audio/audio_encoder.h"
#include "core/base/status_macros.h"
#include "core/train/clip_source.h"
#include "core/train/clip_spec.h"
#include "core/train/media_files.h"
#include "core/train/synthetic_music.h"
#include "core/train/synthetic_scene.h"
#include "core/video/ffmpeg_util.h"
#include "vidmuse/audio_format.h"

namespace vidmuse::train {
namespace {

constexpr int kFrameRate = 25;
constexpr int64_t kBitRate = 2'000'000;

struct OutputDeleter {
  void operator()(AVFormatContext* format) const {
    avio_closep(&format->pb);
    avformat_free_context(format);
  }
};
struct CodecDeleter {
  void operator()(AVCodecContext* codec) const { avcodec_free_context(&codec); }
};
struct ScalerDeleter {
  void operator()(SwsContext* scaler) const { sws_freeContext(scaler); }
};

// Writes an MP4 file with MPEG-4 video.
class VideoWriter {
 public:
  explicit VideoWriter(const std::string& path) : path_(path) {}

  absl::Status Open(int size) {
    AVFormatContext* format = nullptr;
    RETURN_IF_ERROR(Check(avformat_alloc_output_context2(&format, nullptr, "mp4", path_.c_str())));
    format_.reset(format);
    const AVCodec* encoder = avcodec_find_encoder(AV_CODEC_ID_MPEG4);
    if (encoder == nullptr) return absl::InternalError("FFmpeg has no MPEG-4 encoder");
    codec_.reset(avcodec_alloc_context3(encoder));
    codec_->width = codec_->height = size;
    codec_->time_base = {1, kFrameRate};
    codec_->framerate = {kFrameRate, 1};
    codec_->pix_fmt = AV_PIX_FMT_YUV420P;
    codec_->bit_rate = kBitRate;
    codec_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    RETURN_IF_ERROR(Check(avcodec_open2(codec_.get(), encoder, nullptr)));
    stream_ = avformat_new_stream(format, nullptr);
    stream_->time_base = codec_->time_base;
    stream_->avg_frame_rate = codec_->framerate;
    RETURN_IF_ERROR(Check(avcodec_parameters_from_context(stream_->codecpar, codec_.get())));
    RETURN_IF_ERROR(Check(avio_open(&format->pb, path_.c_str(), AVIO_FLAG_WRITE)));
    RETURN_IF_ERROR(Check(avformat_write_header(format, nullptr)));
    scaler_.reset(sws_getContext(size, size, AV_PIX_FMT_GBRP, size, size, AV_PIX_FMT_YUV420P,
                                 SWS_BILINEAR, nullptr, nullptr, nullptr));
    return scaler_ ? absl::OkStatus() : absl::InternalError("FFmpeg can't convert colours");
  }

  // Writes a frame from its RGB planes.
  absl::Status Write(const uint8_t* planes) {
    const AvFramePtr frame = NewFrame();
    frame->width = codec_->width;
    frame->height = codec_->height;
    frame->format = codec_->pix_fmt;
    RETURN_IF_ERROR(Check(av_frame_get_buffer(frame.get(), 0)));
    const size_t plane = static_cast<size_t>(codec_->width) * codec_->height;
    const uint8_t* const source[] = {planes + plane, planes + 2 * plane, planes};  // G, B, R
    const int strides[] = {codec_->width, codec_->width, codec_->width};
    sws_scale(scaler_.get(), source, strides, 0, codec_->height, frame->data, frame->linesize);
    frame->pts = next_++;
    return Encode(frame.get());
  }

  absl::Status Finish() {
    RETURN_IF_ERROR(Encode(nullptr));
    return Check(av_write_trailer(format_.get()));
  }

 private:
  absl::Status Check(int code) const {
    if (code >= 0) return absl::OkStatus();
    return absl::UnavailableError(absl::StrCat(path_, ": ", FfmpegError(code)));
  }

  absl::Status Encode(const AVFrame* frame) {
    RETURN_IF_ERROR(Check(avcodec_send_frame(codec_.get(), frame)));
    const AvPacketPtr packet = NewPacket();
    while (avcodec_receive_packet(codec_.get(), packet.get()) >= 0) {
      av_packet_rescale_ts(packet.get(), codec_->time_base, stream_->time_base);
      packet->stream_index = stream_->index;
      packet->duration = av_rescale_q(1, codec_->time_base, stream_->time_base);
      RETURN_IF_ERROR(Check(av_interleaved_write_frame(format_.get(), packet.get())));
    }
    return absl::OkStatus();
  }

  const std::string path_;
  std::unique_ptr<AVFormatContext, OutputDeleter> format_;
  std::unique_ptr<AVCodecContext, CodecDeleter> codec_;
  std::unique_ptr<SwsContext, ScalerDeleter> scaler_;
  AVStream* stream_ = nullptr;
  int64_t next_ = 0;
};

absl::Status WriteScene(const ClipSpec& spec, int seconds, const std::string& path) {
  VideoWriter writer(path);
  RETURN_IF_ERROR(writer.Open(kFrameSize));
  std::vector<uint8_t> planes(kFrameBytes);
  for (int frame = 0; frame < seconds * kFrameRate; ++frame) {
    RenderScene(spec, static_cast<double>(frame) / kFrameRate, kFrameSize, planes.data());
    RETURN_IF_ERROR(writer.Write(planes.data()));
  }
  return writer.Finish();
}

absl::Status WriteFile(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  if (file << bytes && file.flush()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(path, ": cannot be written"));
}

}  // namespace

absl::Status WriteClips(uint64_t first_seed, int64_t count, int seconds,
                        const std::string& directory) {
  InitFfmpeg();
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot make ", directory));
  std::string manifest;
  for (int64_t i = 0; i < count; ++i) {
    const ClipSpec spec = MakeClipSpec(first_seed + static_cast<uint64_t>(i));
    const std::string name = absl::StrCat("clip_", spec.seed);
    RETURN_IF_ERROR(WriteScene(spec, seconds, absl::StrCat(directory, "/", name, ".mp4")));
    const std::vector<float> samples = SynthesizeMusic(spec, seconds);
    ASSIGN_OR_RETURN(const std::unique_ptr<AudioEncoder> encoder,
                     AudioEncoder::Create(AudioFormat::kWav, kMusicRate, 1,
                                          static_cast<int64_t>(samples.size())));
    std::string wav;
    RETURN_IF_ERROR(encoder->Encode(samples, /*last=*/true, &wav));
    RETURN_IF_ERROR(WriteFile(absl::StrCat(directory, "/", name, ".wav"), wav));
    const nlohmann::json line = {
        {"video", name + ".mp4"}, {"audio", name + ".wav"}, {"start", 0}, {"seconds", seconds}};
    absl::StrAppend(&manifest, line.dump(), "\n");
  }
  return WriteFile(directory + "/manifest.jsonl", manifest);
}

}  // namespace vidmuse::train
