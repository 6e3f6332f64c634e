#include "core/video/memory_input.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <limits>
#include <new>

extern "C" {
#include <libavformat/avio.h>
#include <libavutil/error.h>
#include <libavutil/mem.h>
}

namespace vidmuse {
namespace {

constexpr int kBufferBytes = 64 << 10;

}  // namespace

MemoryInput::MemoryInput(absl::string_view bytes, const DecodeWatch& watch)
    : bytes_(bytes), watch_(watch) {
  Open(/*seekable=*/true);
}

MemoryInput::MemoryInput(GrowingFile& file, const DecodeWatch& watch)
    : file_(&file), watch_(watch) {
  Open(/*seekable=*/false);
}

void MemoryInput::Open(bool seekable) {
  auto* buffer = static_cast<uint8_t*>(av_malloc(kBufferBytes));
  if (buffer == nullptr) throw std::bad_alloc();
  avio_ = avio_alloc_context(buffer, kBufferBytes, /*write_flag=*/0, this, &MemoryInput::Read,
                             /*write_packet=*/nullptr, seekable ? &MemoryInput::Seek : nullptr);
  if (avio_ == nullptr) {
    av_free(buffer);
    throw std::bad_alloc();
  }
}

MemoryInput::~MemoryInput() {
  av_freep(&avio_->buffer);  // FFmpeg may have replaced the original buffer
  avio_context_free(&avio_);
}

int MemoryInput::Read(void* self, uint8_t* buffer, int size) {
  auto* input = static_cast<MemoryInput*>(self);
  if (!input->watch_.Check().ok()) return AVERROR_EXIT;
  const auto position = static_cast<uint64_t>(input->position_);
  absl::string_view bytes;
  if (input->file_ != nullptr) {
    bytes = input->file_->ReadWhileItGrows(position);
    if (input->file_->left().cancelled()) return AVERROR_EXIT;
  } else if (position < input->bytes_.size()) {
    bytes = input->bytes_.substr(position);
  }
  bytes = bytes.substr(0, static_cast<size_t>(size));
  if (bytes.empty()) return AVERROR_EOF;
  std::memcpy(buffer, bytes.data(), bytes.size());
  input->position_ += static_cast<int64_t>(bytes.size());
  return static_cast<int>(bytes.size());
}

int64_t MemoryInput::Seek(void* self, int64_t offset, int whence) {
  auto* input = static_cast<MemoryInput*>(self);
  const auto size = static_cast<int64_t>(input->bytes_.size());
  if (whence & AVSEEK_SIZE) return size;
  if (!input->watch_.Check().ok()) return AVERROR_EXIT;
  int64_t base = 0;
  switch (whence & ~AVSEEK_FORCE) {
    case SEEK_SET:
      break;
    case SEEK_CUR:
      base = input->position_;
      break;
    case SEEK_END:
      base = size;
      break;
    default:
      return AVERROR(EINVAL);
  }
  // As in a file, the position may lie beyond the end: reads there report the end.
  if (offset < -base || offset > std::numeric_limits<int64_t>::max() - base) {
    return AVERROR(EINVAL);
  }
  return input->position_ = base + offset;
}

}  // namespace vidmuse
