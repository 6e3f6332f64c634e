#include "client/mux/soundtrack.h"

#include <algorithm>
#include <vector>

extern "C" {
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
#include <libavutil/samplefmt.h>
}

#include "absl/memory/memory.h"
#include "absl/strings/str_format.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

constexpr int kMixRate = 48000;  // Hz
constexpr int kBitRatePerChannel = 128000;
constexpr int kPieceFrames = 4096;

struct FilterEndsDeleter {
  void operator()(AVFilterInOut* ends) const { avfilter_inout_free(&ends); }
};
using FilterEnds = std::unique_ptr<AVFilterInOut, FilterEndsDeleter>;

// Names an unconnected end of the graph's text.
FilterEnds End(const char* name, AVFilterContext* filter, FilterEnds next = nullptr) {
  FilterEnds end(NotNull(avfilter_inout_alloc()));
  end->name = NotNull(av_strdup(name));
  end->filter_ctx = filter;
  end->next = next.release();
  return end;
}

// The filters between [music], [original] and [out]. `format` is a filter that brings sound to the
// encoder's format. Voices in the original push the music down by up to some 15 dB.
std::string Filters(const MuxOptions& options, bool original, const std::string& format) {
  const std::string music =
      absl::StrFormat("[music]volume=%.3fdB,%s", options.music_gain_db, format);
  const std::string limit = absl::StrCat("alimiter=limit=0.95:level=disabled:latency=1,", format);
  if (!original) {
    return absl::StrCat(music, options.music_gain_db > 0 ? absl::StrCat(",", limit) : "", "[out]");
  }
  const std::string own = absl::StrCat("[original]aresample=async=1:first_pts=0,", format);
  const std::string mix = "amix=inputs=2:duration=longest:normalize=0,";
  if (options.original_audio == OriginalAudio::kMix) {
    return absl::StrCat(music, "[m];", own, "[o];[m][o]", mix, limit, "[out]");
  }
  return absl::StrCat(music, "[m];", own, ",asplit[o][k];[k]apad[key];[m][key]",
                      "sidechaincompress=threshold=0.02:ratio=12:attack=20:release=600[d];[d][o]",
                      mix, limit, "[out]");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Soundtrack>> Soundtrack::Create(const Music& music,
                                                               const MuxOptions& options,
                                                               const AVStream* original,
                                                               double start, AVCodecID codec,
                                                               bool global_header) {
  auto track = absl::WrapUnique(new Soundtrack(music, original, start));
  track->frame_.reset(NotNull(av_frame_alloc()));
  RETURN_IF_ERROR(track->OpenEncoder(codec, global_header));
  if (original != nullptr) RETURN_IF_ERROR(track->OpenDecoder());
  RETURN_IF_ERROR(track->OpenFilters(options));
  return track;
}

absl::Status Soundtrack::OpenEncoder(AVCodecID codec, bool global_header) {
  const AVCodec* found = avcodec_find_encoder(codec);
  if (found == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("this FFmpeg has no encoder for ", avcodec_get_name(codec)));
  }
  encoder_.reset(NotNull(avcodec_alloc_context3(found)));
  const bool mixed = original_ != nullptr;
  // Opus has rates of its own.
  encoder_->sample_rate = mixed || codec == AV_CODEC_ID_OPUS ? kMixRate : music_.sample_rate;
  const int channels = mixed ? 2 : music_.channels;
  av_channel_layout_default(&encoder_->ch_layout, channels);
  encoder_->sample_fmt = found->sample_fmts[0];
  encoder_->bit_rate = int64_t{kBitRatePerChannel} * channels;
  encoder_->time_base = {1, encoder_->sample_rate};
  if (global_header) encoder_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  return MediaStatus(avcodec_open2(encoder_.get(), found, nullptr), "opening the audio encoder");
}

absl::Status Soundtrack::OpenDecoder() {
  const AVCodec* found = avcodec_find_decoder(original_->codecpar->codec_id);
  if (found == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("the video's own sound can't be read: this FFmpeg has no decoder for ",
                     avcodec_get_name(original_->codecpar->codec_id)));
  }
  decoder_.reset(NotNull(avcodec_alloc_context3(found)));
  RETURN_IF_ERROR(MediaStatus(avcodec_parameters_to_context(decoder_.get(), original_->codecpar),
                              "reading the video's own sound"));
  decoder_->pkt_timebase = original_->time_base;
  return MediaStatus(avcodec_open2(decoder_.get(), found, nullptr),
                     "opening the decoder of the video's own sound");
}

absl::StatusOr<AVFilterContext*> Soundtrack::AddSource(const char* name, int sample_rate,
                                                       const char* sample_format,
                                                       const AVChannelLayout& layout) {
  char channels[128] = {};
  av_channel_layout_describe(&layout, channels, sizeof(channels));
  const std::string arguments =
      absl::StrFormat("time_base=1/%d:sample_rate=%d:sample_fmt=%s:channel_layout=%s", sample_rate,
                      sample_rate, sample_format, channels);
  AVFilterContext* source = nullptr;
  RETURN_IF_ERROR(
      MediaStatus(avfilter_graph_create_filter(&source, avfilter_get_by_name("abuffer"), name,
                                               arguments.c_str(), nullptr, graph_.get()),
                  "making audio filters"));
  return source;
}

absl::Status Soundtrack::OpenFilters(const MuxOptions& options) {
  graph_.reset(NotNull(avfilter_graph_alloc()));
  graph_->nb_threads = 1;
  AVChannelLayout music_layout = {};
  av_channel_layout_default(&music_layout, music_.channels);
  ASSIGN_OR_RETURN(music_source_, AddSource("music", music_.sample_rate, "flt", music_layout));
  if (decoder_ != nullptr) {
    AVChannelLayout layout = decoder_->ch_layout;
    if (layout.order == AV_CHANNEL_ORDER_UNSPEC) {
      av_channel_layout_default(&layout, decoder_->ch_layout.nb_channels);
    }
    const char* format = av_get_sample_fmt_name(decoder_->sample_fmt);
    if (format == nullptr || decoder_->sample_rate <= 0) {
      return absl::InvalidArgumentError(
          "the video's own sound can't be read: its format is unknown");
    }
    ASSIGN_OR_RETURN(original_source_,
                     AddSource("original", decoder_->sample_rate, format, layout));
  }
  RETURN_IF_ERROR(
      MediaStatus(avfilter_graph_create_filter(&sink_, avfilter_get_by_name("abuffersink"), "out",
                                               nullptr, nullptr, graph_.get()),
                  "making audio filters"));
  char channels[128] = {};
  av_channel_layout_describe(&encoder_->ch_layout, channels, sizeof(channels));
  const std::string format = absl::StrFormat(
      "aformat=sample_fmts=%s:sample_rates=%d:channel_layouts=%s",
      av_get_sample_fmt_name(encoder_->sample_fmt), encoder_->sample_rate, channels);
  FilterEnds sources = End("music", music_source_);
  if (original_source_ != nullptr) {
    sources = End("original", original_source_, std::move(sources));
  }
  FilterEnds sinks = End("out", sink_);
  AVFilterInOut* outputs = sources.release();
  AVFilterInOut* inputs = sinks.release();
  const int parsed = avfilter_graph_parse_ptr(
      graph_.get(), Filters(options, original_source_ != nullptr, format).c_str(), &inputs,
      &outputs, nullptr);
  sources.reset(outputs);
  sinks.reset(inputs);
  RETURN_IF_ERROR(MediaStatus(parsed, "making audio filters"));
  RETURN_IF_ERROR(
      MediaStatus(avfilter_graph_config(graph_.get(), nullptr), "making audio filters"));
  if (encoder_->frame_size > 0) {
    av_buffersink_set_frame_size(sink_, static_cast<unsigned>(encoder_->frame_size));
  }
  return absl::OkStatus();
}

absl::Status Soundtrack::FeedMusic(double seconds) {
  const auto until = static_cast<int64_t>(seconds * music_.sample_rate);
  while (!music_ended_ && music_frames_ < until) {
    AVFrame* const frame = frame_.get();
    frame->nb_samples = kPieceFrames;
    frame->format = AV_SAMPLE_FMT_FLT;
    frame->sample_rate = music_.sample_rate;
    av_channel_layout_default(&frame->ch_layout, music_.channels);
    RETURN_IF_ERROR(MediaStatus(av_frame_get_buffer(frame, 0), "reading the music"));
    absl::StatusOr<size_t> read =
        music_.read(reinterpret_cast<float*>(frame->data[0]), static_cast<size_t>(kPieceFrames));
    if (!read.ok() || *read == 0) {
      av_frame_unref(frame);
      RETURN_IF_ERROR(read.status());
      music_ended_ = true;
      return MediaStatus(av_buffersrc_add_frame(music_source_, nullptr), "filtering the music");
    }
    frame->nb_samples = static_cast<int>(*read);
    frame->pts = music_frames_;
    music_frames_ += frame->nb_samples;
    RETURN_IF_ERROR(
        MediaStatus(av_buffersrc_add_frame(music_source_, frame), "filtering the music"));
  }
  return absl::OkStatus();
}

absl::Status Soundtrack::FeedOriginal(const AVPacket* packet) {
  const int sent = avcodec_send_packet(decoder_.get(), packet);
  if (sent == AVERROR(ENOMEM)) return MediaStatus(sent, "decoding the video's own sound");
  RETURN_IF_ERROR(DrainDecoder());
  if (packet != nullptr) return absl::OkStatus();
  return MediaStatus(av_buffersrc_add_frame(original_source_, nullptr),
                     "filtering the video's own sound");
}

absl::Status Soundtrack::DrainDecoder() {
  AVFrame* const frame = frame_.get();
  while (avcodec_receive_frame(decoder_.get(), frame) >= 0) {
    const AVRational sample = {1, decoder_->sample_rate};
    if (frame->best_effort_timestamp == AV_NOPTS_VALUE) {
      frame->pts = AV_NOPTS_VALUE;
    } else {
      frame->pts = av_rescale_q(frame->best_effort_timestamp, original_->time_base, sample) -
                   static_cast<int64_t>(start_ * decoder_->sample_rate);
    }
    const int added = av_buffersrc_add_frame(original_source_, frame);
    av_frame_unref(frame);
    RETURN_IF_ERROR(MediaStatus(added, "filtering the video's own sound"));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Soundtrack::Next(AVPacket* packet) {
  while (true) {
    const int received = avcodec_receive_packet(encoder_.get(), packet);
    if (received == 0) return true;
    if (received == AVERROR_EOF) return false;
    if (received != AVERROR(EAGAIN)) return MediaStatus(received, "encoding the music");
    const int got = av_buffersink_get_frame(sink_, frame_.get());
    if (got == AVERROR(EAGAIN)) return false;
    const bool ended = got == AVERROR_EOF;
    if (!ended) RETURN_IF_ERROR(MediaStatus(got, "filtering the music"));
    const int sent = avcodec_send_frame(encoder_.get(), ended ? nullptr : frame_.get());
    av_frame_unref(frame_.get());
    RETURN_IF_ERROR(MediaStatus(sent, "encoding the music"));
  }
}

}  // namespace vidmuse
