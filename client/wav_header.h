// Finds the samples in a WAV file that is still arriving.
#ifndef VIDMUSE_CLIENT_WAV_HEADER_H_
#define VIDMUSE_CLIENT_WAV_HEADER_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace vidmuse {

// A WAV file has its first sample within this many bytes, or its header is taken for unknown.
inline constexpr size_t kMaxWavHeaderBytes = 16 << 10;

// Returns the number of bytes before the first sample: where the chunk "data" has its content.
// `head` is the file's first bytes. nullopt: it ends before that, or isn't WAV.
std::optional<uint64_t> WavHeaderBytes(absl::string_view head);

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_WAV_HEADER_H_
