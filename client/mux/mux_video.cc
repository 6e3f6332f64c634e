#include "client/mux/mux_video.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <new>
#include <string>
#include <utility>

extern "C" {
#include <libavutil/dict.h>
#include <libavutil/display.h>
#include <libavutil/log.h>
#include <libavutil/mathematics.h>
}

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/mux/media_handles.h"
#include "client/mux/soundtrack.h"
#include "client/mux/source_input.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

// Music is encoded this far ahead of the picture, so that players find both in one place.
constexpr double kAheadSeconds = 0.5;

constexpr bool kMatroskaHoldsRotation = LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 16, 100);

// A file that is written. The destructor closes it.
class Output {
 public:
  ~Output() {
    if (format_ == nullptr) return;
    avio_closep(&format_->pb);
    avformat_free_context(format_);
  }

  absl::Status Create(const std::string& container, const std::string& path) {
    const std::string url = absl::StrCat("file:", path);
    RETURN_IF_ERROR(MediaStatus(
        avformat_alloc_output_context2(&format_, nullptr, container.c_str(), url.c_str()),
        absl::StrCat("writing ", path)));
    return MediaStatus(avio_open(&format_->pb, url.c_str(), AVIO_FLAG_WRITE),
                       absl::StrCat("writing ", path));
  }
  AVFormatContext* format() const { return format_; }

 private:
  AVFormatContext* format_ = nullptr;
};

class Muxer {
 public:
  Muxer(const VideoSource& video, const Music& music, const MuxOptions& options)
      : input_(video), music_(music), options_(options), packet_(NotNull(av_packet_alloc())) {}

  absl::Status Open(const std::string& container, const std::string& path) {
    RETURN_IF_ERROR(input_.Open());
    RETURN_IF_ERROR(ChooseStreams());
    RETURN_IF_ERROR(CheckContainer(container));
    RETURN_IF_ERROR(output_.Create(container, path));
    RETURN_IF_ERROR(CopyVideoStream());
    CopyTags();
    if (options_.origin.has_value()) AddOriginTags(*options_.origin);
    CopyChapters();
    RETURN_IF_ERROR(AddSoundtrack());
    AVDictionary* settings = nullptr;
    av_dict_set(&settings, "movflags", "faststart", 0);
    const int written = avformat_write_header(output_.format(), &settings);
    av_dict_free(&settings);
    return MediaStatus(written, "writing the video");
  }

  absl::Status Run() {
    while (true) {
      if (options_.cancelled && options_.cancelled()) return absl::CancelledError("cancelled");
      ASSIGN_OR_RETURN(const bool read, input_.Read(packet_.get()));
      if (!read) break;
      const int stream = packet_->stream_index;
      absl::Status status;
      if (stream == video_->index) {
        status = WriteVideo();
      } else if (original_ != nullptr && stream == original_->index) {
        status = soundtrack_->FeedOriginal(packet_.get());
      }
      av_packet_unref(packet_.get());
      RETURN_IF_ERROR(status);
    }
    if (original_ != nullptr) RETURN_IF_ERROR(soundtrack_->FeedOriginal(nullptr));
    RETURN_IF_ERROR(FinishMusic());
    RETURN_IF_ERROR(MediaStatus(av_write_trailer(output_.format()), "writing the video"));
    if (options_.origin.has_value() && !IsMatroska()) return AppendXmp(*options_.origin);
    return absl::OkStatus();
  }

 private:
  absl::Status ChooseStreams() {
    AVFormatContext* const format = input_.format();
    for (unsigned i = 0; i < format->nb_streams; ++i) {
      AVStream* const stream = format->streams[i];
      stream->discard = AVDISCARD_ALL;
      if (video_ != nullptr || stream->codecpar->codec_type != AVMEDIA_TYPE_VIDEO) continue;
      if ((stream->disposition & AV_DISPOSITION_ATTACHED_PIC) == 0) video_ = stream;
    }
    if (video_ == nullptr) return absl::InvalidArgumentError("the file has no video stream");
    video_->discard = AVDISCARD_DEFAULT;
    if (video_->start_time != AV_NOPTS_VALUE) start_ = video_->start_time;
    if (options_.original_audio == OriginalAudio::kDrop) return absl::OkStatus();
    const int sound =
        av_find_best_stream(format, AVMEDIA_TYPE_AUDIO, -1, video_->index, nullptr, 0);
    if (sound < 0) return absl::OkStatus();
    original_ = format->streams[sound];
    original_->discard = AVDISCARD_DEFAULT;
    return absl::OkStatus();
  }

  absl::Status CheckContainer(const std::string& container) const {
    const AVOutputFormat* const format = av_guess_format(container.c_str(), nullptr, nullptr);
    const AVCodecID codec = video_->codecpar->codec_id;
    if (format == nullptr || avformat_query_codec(format, codec, FF_COMPLIANCE_NORMAL) != 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("a file of kind ", container, " can't hold the video's ",
                       avcodec_get_name(codec), "; name the output .mkv or .mov"));
    }
    const bool matroska = container == "matroska" || container == "webm";
    if (matroska && !kMatroskaHoldsRotation && IsTurned()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the picture is turned, which a file of kind ", container,
                       " by this FFmpeg would lose; name the output .mp4 or .mov"));
    }
    return absl::OkStatus();
  }

  // Returns whether players turn the picture.
  bool IsTurned() const {
#if LIBAVCODEC_VERSION_INT < AV_VERSION_INT(60, 31, 102)
    size_t size = 0;
    const uint8_t* matrix = av_stream_get_side_data(video_, AV_PKT_DATA_DISPLAYMATRIX, &size);
    return matrix != nullptr && size >= 9 * sizeof(int32_t) &&
           av_display_rotation_get(reinterpret_cast<const int32_t*>(matrix)) != 0;
#else
    return false;  // not needed: see kMatroskaHoldsRotation
#endif
  }

  absl::Status CopyVideoStream() {
    AVStream* const copy = NotNull(avformat_new_stream(output_.format(), nullptr));
    RETURN_IF_ERROR(MediaStatus(avcodec_parameters_copy(copy->codecpar, video_->codecpar),
                                "copying the video stream"));
    const AVCodecTag* const* tags = output_.format()->oformat->codec_tag;
    const uint32_t tag = copy->codecpar->codec_tag;
    if (tags != nullptr && av_codec_get_id(tags, tag) != copy->codecpar->codec_id) {
      copy->codecpar->codec_tag = 0;  // the container has a tag of its own
    }
    copy->time_base = video_->time_base;
    copy->avg_frame_rate = video_->avg_frame_rate;
    copy->r_frame_rate = video_->r_frame_rate;
    copy->sample_aspect_ratio = video_->sample_aspect_ratio;
    copy->disposition = video_->disposition;
    av_dict_copy(&copy->metadata, video_->metadata, 0);
#if LIBAVCODEC_VERSION_INT < AV_VERSION_INT(60, 31, 102)  // codecpar has it since
    for (int i = 0; i < video_->nb_side_data; ++i) {
      const AVPacketSideData& data = video_->side_data[i];
      uint8_t* const to = NotNull(av_stream_new_side_data(copy, data.type, data.size));
      std::copy_n(data.data, data.size, to);
    }
#endif
    copy_ = copy;
    return absl::OkStatus();
  }

  void CopyTags() {
    AVFormatContext* const output = output_.format();
    av_dict_copy(&output->metadata, input_.format()->metadata, 0);
    // These are the container's own.
    for (const char* tag : {"major_brand", "minor_version", "compatible_brands", "encoder"}) {
      av_dict_set(&output->metadata, tag, nullptr, 0);
    }
  }

  bool IsMatroska() const {
    const absl::string_view name = output_.format()->oformat->name;
    return name == "matroska" || name == "webm";
  }

  void AddOriginTags(const Origin& origin) {
    AVDictionary** const tags = &output_.format()->metadata;
    const AVDictionaryEntry* const own = av_dict_get(*tags, "comment", nullptr, 0);
    const std::string comment =
        absl::StrCat(own == nullptr ? "" : own->value, own == nullptr ? "" : "\n",
                     OriginComment(origin, MarkedFile::kVideo));
    av_dict_set(tags, "comment", comment.c_str(), 0);
    if (!IsMatroska()) return;
    for (const auto& [name, value] : OriginFields(origin, MarkedFile::kVideo)) {
      av_dict_set(tags, name.c_str(), value.c_str(), 0);
    }
  }

  // FFmpeg writes no XMP into MP4.
  absl::Status AppendXmp(const Origin& origin) {
    AVIOContext* const io = output_.format()->pb;
    avio_flush(io);
    const int64_t size = avio_size(io);
    RETURN_IF_ERROR(MediaStatus(static_cast<int>(std::min<int64_t>(size, 0)), "writing the video"));
    const int64_t end = avio_seek(io, size, SEEK_SET);
    RETURN_IF_ERROR(MediaStatus(static_cast<int>(std::min<int64_t>(end, 0)), "writing the video"));
    const std::string box = OriginXmpBox(origin);
    avio_write(io, reinterpret_cast<const uint8_t*>(box.data()), static_cast<int>(box.size()));
    avio_flush(io);
    return MediaStatus(io->error, "writing the video");
  }

  void CopyChapters() {
    AVFormatContext* const input = input_.format();
    for (unsigned i = 0; i < input->nb_chapters; ++i) {
      const AVChapter& source = *input->chapters[i];
      const int64_t start = av_rescale_q(start_, video_->time_base, source.time_base);
      if (source.end <= start) continue;
      auto* chapter = NotNull(static_cast<AVChapter*>(av_mallocz(sizeof(AVChapter))));
      chapter->id = source.id;
      chapter->time_base = source.time_base;
      chapter->start = std::max<int64_t>(source.start - start, 0);
      chapter->end = source.end - start;
      av_dict_copy(&chapter->metadata, source.metadata, 0);
      int count = static_cast<int>(output_.format()->nb_chapters);
      if (av_dynarray_add_nofree(&output_.format()->chapters, &count, chapter) < 0) {
        av_dict_free(&chapter->metadata);
        av_free(chapter);
        throw std::bad_alloc();
      }
      output_.format()->nb_chapters = static_cast<unsigned>(count);
    }
  }

  absl::Status AddSoundtrack() {
    AVFormatContext* const output = output_.format();
    const bool webm = absl::string_view(output->oformat->name) == "webm";
    const double start = static_cast<double>(start_) * av_q2d(video_->time_base);
    ASSIGN_OR_RETURN(soundtrack_,
                     Soundtrack::Create(music_, options_, original_, start,
                                        webm ? AV_CODEC_ID_OPUS : AV_CODEC_ID_AAC,
                                        (output->oformat->flags & AVFMT_GLOBALHEADER) != 0));
    sound_ = NotNull(avformat_new_stream(output, nullptr));
    sound_->time_base = soundtrack_->encoder()->time_base;
    return MediaStatus(avcodec_parameters_from_context(sound_->codecpar, soundtrack_->encoder()),
                       "writing the music");
  }

  absl::Status WriteVideo() {
    AVPacket* const packet = packet_.get();
    for (int64_t* time : {&packet->pts, &packet->dts}) {
      if (*time != AV_NOPTS_VALUE) *time -= start_;
    }
    if (packet->dts != AV_NOPTS_VALUE) {
      const double seconds = static_cast<double>(packet->dts) * av_q2d(video_->time_base);
      RETURN_IF_ERROR(soundtrack_->FeedMusic(seconds + kAheadSeconds));
      RETURN_IF_ERROR(WriteSound());
    }
    av_packet_rescale_ts(packet, video_->time_base, copy_->time_base);
    packet->stream_index = copy_->index;
    packet->pos = -1;
    return MediaStatus(av_interleaved_write_frame(output_.format(), packet), "writing the video");
  }

  absl::Status FinishMusic() {
    // In pieces, so that what waits between music and file stays small.
    for (double until = 0; !soundtrack_->music_ended(); until += 1) {
      if (options_.cancelled && options_.cancelled()) return absl::CancelledError("cancelled");
      RETURN_IF_ERROR(soundtrack_->FeedMusic(until));
      RETURN_IF_ERROR(WriteSound());
    }
    return WriteSound();
  }

  // Writes what is encoded.
  absl::Status WriteSound() {
    if (sound_packet_ == nullptr) sound_packet_.reset(NotNull(av_packet_alloc()));
    AVPacket* const packet = sound_packet_.get();
    while (true) {
      ASSIGN_OR_RETURN(const bool got, soundtrack_->Next(packet));
      if (!got) return absl::OkStatus();
      av_packet_rescale_ts(packet, soundtrack_->encoder()->time_base, sound_->time_base);
      packet->stream_index = sound_->index;
      RETURN_IF_ERROR(
          MediaStatus(av_interleaved_write_frame(output_.format(), packet), "writing the music"));
    }
  }

  SourceInput input_;
  const Music& music_;
  const MuxOptions& options_;
  const PacketPtr packet_;
  PacketPtr sound_packet_;
  AVStream* video_ = nullptr;     // of the input
  AVStream* original_ = nullptr;  // the video's own sound, if it is used
  int64_t start_ = 0;             // time of the first picture shown, in video_'s time base
  Output output_;
  AVStream* copy_ = nullptr;   // of the output
  AVStream* sound_ = nullptr;  // of the output
  std::unique_ptr<Soundtrack> soundtrack_;
};

absl::Status CheckOptions(const Music& music, const MuxOptions& options) {
  if (!(options.music_gain_db >= -60 && options.music_gain_db <= 24)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the music's gain is ", options.music_gain_db, " dB, expected -60 to 24"));
  }
  if (music.sample_rate <= 0 || music.channels < 1 || music.channels > 2) {
    return absl::InvalidArgumentError("music has a sample rate and one or two channels");
  }
  return absl::OkStatus();
}

}  // namespace

std::string ContainerOfPath(absl::string_view path) {
  const std::string lower = absl::AsciiStrToLower(path);
  if (absl::EndsWith(lower, ".mp4") || absl::EndsWith(lower, ".m4v")) return "mp4";
  if (absl::EndsWith(lower, ".mov")) return "mov";
  if (absl::EndsWith(lower, ".mkv")) return "matroska";
  if (absl::EndsWith(lower, ".webm")) return "webm";
  return "";
}

absl::Status MuxVideo(const VideoSource& video, const Music& music, const std::string& container,
                      const MuxOptions& options, const std::string& path) try {
  RETURN_IF_ERROR(CheckOptions(music, options));
  av_log_set_level(AV_LOG_QUIET);
  Muxer muxer(video, music, options);
  RETURN_IF_ERROR(muxer.Open(container, path));
  return muxer.Run();
} catch (const std::bad_alloc&) {
  return absl::ResourceExhaustedError("out of memory");
}

}  // namespace vidmuse
