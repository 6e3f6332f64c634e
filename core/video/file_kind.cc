#include "core/video/file_kind.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

extern "C" {
#include <libavformat/avformat.h>
#include <libavutil/avstring.h>
}

namespace vidmuse {
namespace {

constexpr size_t kMostProbed = 1 << 20;

struct Magic {
  size_t offset;
  absl::string_view bytes;
  absl::string_view name;
};

// Signatures of pictures. Animated GIF and PNG files were already read as videos.
constexpr Magic kPictures[] = {
    {0, absl::string_view("\x89PNG\r\n\x1a\n", 8), "PNG"},
    {0, absl::string_view("\xff\xd8\xff", 3), "JPEG"},
    {0, "GIF8", "GIF"},
    {8, "WEBP", "WebP"},
    {0, "BM", "BMP"},
    {0, absl::string_view("II*\0", 4), "TIFF"},
    {0, absl::string_view("MM\0*", 4), "TIFF"},
    {4, "ftypheic", "HEIC"},
    {4, "ftypheix", "HEIC"},
    {4, "ftypmif1", "HEIF"},
    {4, "ftypavif", "AVIF"},
};

// FFmpeg's demuxers of elementary video streams, which are pictures without times.
constexpr absl::string_view kElementary[] = {
    "h264", "hevc", "vvc",  "m4v",   "mpegvideo", "mjpeg", "mjpeg_2000", "obu",
    "vc1",  "h263", "h261", "dirac", "cavsvideo", "avs2",  "avs3",       "evc"};

constexpr absl::string_view kSound[] = {"mp3",  "flac", "wav", "aac",  "ac3",  "eac3", "amr",
                                        "aiff", "caf",  "w64", "loas", "adts", "ape",  "wv"};

template <size_t kSize>
bool IsOneOf(absl::string_view name, const absl::string_view (&names)[kSize]) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

// Returns the name of the demuxer that FFmpeg picks for `bytes`, or several names separated by
// commas. Empty: none.
absl::string_view ReaderName(absl::string_view bytes) {
  const size_t size = std::min(bytes.size(), kMostProbed);
  std::vector<unsigned char> start(size + AVPROBE_PADDING_SIZE);
  std::copy_n(bytes.begin(), size, start.begin());
  AVProbeData probe = {};
  probe.filename = "";
  probe.buf = start.data();
  probe.buf_size = static_cast<int>(size);
  int score = 0;
  const AVInputFormat* format = av_probe_input_format3(&probe, /*is_opened=*/1, &score);
  return format == nullptr ? "" : format->name;
}

}  // namespace

absl::string_view PictureKind(absl::string_view bytes) {
  for (const Magic& picture : kPictures) {
    if (bytes.size() >= picture.offset &&
        absl::StartsWith(bytes.substr(picture.offset), picture.bytes)) {
      return picture.name;
    }
  }
  return "";
}

std::string OtherKind(absl::string_view bytes, const char* containers) {
  const std::string reader(ReaderName(bytes));
  if (av_match_list(reader.c_str(), containers, ',') > 0) return "";
  const absl::string_view picture = PictureKind(bytes);
  // A single JPEG picture looks like a stream of them.
  const bool one = !picture.empty() && bytes.find(bytes.substr(0, 3), 3) == absl::string_view::npos;
  if (IsOneOf(reader, kElementary) && !one) {
    return absl::StrCat("it is an elementary stream (", reader,
                        "), which has no times: put it into a container");
  }
  if (!picture.empty()) return absl::StrCat("it is a still picture (", picture, ")");
  if (IsOneOf(reader, kSound)) {
    return absl::StrCat("it is sound (", reader, "), with a cover picture at most");
  }
  return reader.empty() ? "" : absl::StrCat("it looks like ", reader);
}

}  // namespace vidmuse
