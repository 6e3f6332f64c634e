// Lets FFmpeg read from bytes in memory, or from a file that still grows.
#ifndef VIDMUSE_VIDEO_MEMORY_INPUT_H_
#define VIDMUSE_VIDEO_MEMORY_INPUT_H_

#include <cstdint>
#include <memory>

#include "absl/strings/string_view.h"
#include "core/video/decode_watch.h"
#include "core/video/growing_file.h"

struct AVIOContext;

namespace vidmuse {

// Reads fail once `watch` reports an error, which ends whatever FFmpeg is doing.
class MemoryInput {
 public:
  // `bytes` and `watch` must outlive the input.
  MemoryInput(absl::string_view bytes, const DecodeWatch& watch);
  // Waits for bytes that have not come yet, and can't be asked for any place but the next.
  MemoryInput(GrowingFile& file, const DecodeWatch& watch);
  ~MemoryInput();
  MemoryInput(const MemoryInput&) = delete;
  MemoryInput& operator=(const MemoryInput&) = delete;

  AVIOContext* avio() const { return avio_; }

 private:
  void Open(bool seekable);
  static int Read(void* self, uint8_t* buffer, int size);
  static int64_t Seek(void* self, int64_t offset, int whence);

  const absl::string_view bytes_;  // unless there is a growing file
  GrowingFile* const file_ = nullptr;
  const DecodeWatch& watch_;
  int64_t position_ = 0;
  AVIOContext* avio_ = nullptr;
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_MEMORY_INPUT_H_
