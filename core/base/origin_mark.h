// What a file says about its origin: that a trained model made its music, which one, by which
// version of this program and with which seed. This is the only place that knows the words, the
// names of the fields and the XMP. Everything here is a function of its arguments: no clock, no
// machine.
#ifndef VIDMUSE_BASE_ORIGIN_MARK_H_
#define VIDMUSE_BASE_ORIGIN_MARK_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace vidmuse {

// IPTC's terms for the source of a medium, as addresses (cv.iptc.org/newscodes/digitalsourcetype).
inline constexpr char kTrainedAlgorithmicMedia[] =
    "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";
// Of a file that has media of another source, too.
inline constexpr char kCompositeWithTrainedAlgorithmicMedia[] =
    "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia";

inline constexpr size_t kMaxOriginTextBytes = 500;
// Bytes of a marked WAV file before its first sample. It is the same whatever the mark says, so
// that servers whose marks differ have each sample at the same place.
inline constexpr size_t kMarkedWavHeaderBytes = 8192;

struct Origin {
  std::string version;  // of the server; empty: unknown
  std::string model;  // the model's name. What XML can't hold, and the end if it is long, is lost.
  uint64_t seed = 0;  // that the song was made with
  std::string text;   // the operator's own words; empty: none. CheckOriginText holds.
};

enum class MarkedFile {
  kAudio,  // all of it is music by the model
  kVideo,  // a video of other origin with the music under it
};

// INVALID_ARGUMENT unless the text is at most kMaxOriginTextBytes of UTF-8 without control
// characters.
absl::Status CheckOriginText(absl::string_view text);

// "vidmuse" and the version.
std::string OriginSoftware(const Origin& origin);

// One sentence or two for people, with every fact, and the operator's text after it.
std::string OriginComment(const Origin& origin, MarkedFile file);

// Named facts for tags of free names: DIGITALSOURCETYPE, GENERATOR, MODEL and SEED.
std::vector<std::pair<std::string, std::string>> OriginFields(const Origin& origin,
                                                              MarkedFile file);

// An XMP packet (ISO 16684-1) with the same facts, in IPTC's and Adobe's properties. `padding`
// spaces stand before its end, for programs that change it in place.
std::string OriginXmp(const Origin& origin, MarkedFile file, size_t padding = 0);

// The chunks of a WAV file between `fmt ` and `data`: LIST/INFO (ISFT and ICMT) and _PMX with the
// XMP, padded so that the file's first sample is at kMarkedWavHeaderBytes if the `fmt ` chunk has
// 16 bytes.
std::string OriginWavChunks(const Origin& origin);

// An ID3v2.4 tag for the start of an MP3 file: TSSE, COMM, PRIV with the XMP, and TXXX for each
// named fact.
std::string OriginId3Tag(const Origin& origin);

// The box that holds the XMP in MP4 and MOV files (ISO 16684-3), to be appended to a whole file.
std::string OriginXmpBox(const Origin& origin);

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_ORIGIN_MARK_H_
