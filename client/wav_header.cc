#include "client/wav_header.h"

#include "absl/strings/match.h"

namespace vidmuse {
namespace {

constexpr size_t kRiffBytes = 12;        // "RIFF", the file's size and "WAVE"
constexpr size_t kChunkHeaderBytes = 8;  // a chunk's name and size

}  // namespace

std::optional<uint64_t> WavHeaderBytes(absl::string_view head) {
  if (head.size() < kRiffBytes || !absl::StartsWith(head, "RIFF") || head.substr(8, 4) != "WAVE") {
    return std::nullopt;
  }
  uint64_t at = kRiffBytes;
  while (at + kChunkHeaderBytes <= head.size()) {
    const absl::string_view chunk = head.substr(at, kChunkHeaderBytes);
    at += kChunkHeaderBytes;
    if (absl::StartsWith(chunk, "data")) return at;
    uint64_t size = 0;
    for (size_t i = 0; i < 4; ++i) {
      size |= uint64_t{static_cast<unsigned char>(chunk[4 + i])} << (8 * i);
    }
    at += size + size % 2;  // chunks begin at even places
  }
  return std::nullopt;
}

}  // namespace vidmuse
