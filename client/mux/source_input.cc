#include "client/mux/source_input.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

extern "C" {
#include <libavutil/opt.h>
}

namespace vidmuse {
namespace {

constexpr int kBufferBytes = 256 << 10;

}  // namespace

SourceInput::SourceInput(const VideoSource& source) : source_(source) {
  auto* buffer = NotNull(static_cast<uint8_t*>(av_malloc(kBufferBytes)));
  io_ = avio_alloc_context(buffer, kBufferBytes, /*write_flag=*/0, this, &SourceInput::ReadBytes,
                           /*write_packet=*/nullptr, &SourceInput::Seek);
  if (io_ == nullptr) av_free(buffer);
  NotNull(io_);
}

SourceInput::~SourceInput() {
  avformat_close_input(&format_);
  av_freep(&io_->buffer);  // FFmpeg may have replaced the original buffer
  avio_context_free(&io_);
}

absl::Status SourceInput::Open() {
  format_ = NotNull(avformat_alloc_context());
  format_->pb = io_;
  format_->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_GENPTS;
  // A playlist could name other files.
  av_opt_set(format_, "protocol_whitelist", "none", 0);
  const auto failed = [this](int code) {
    if (!status_.ok()) return status_;
    return absl::InvalidArgumentError(MediaStatus(code, "the video can't be read").message());
  };
  int code = avformat_open_input(&format_, "", nullptr, nullptr);  // frees format_ if it fails
  if (code < 0) return failed(code);
  code = avformat_find_stream_info(format_, nullptr);
  return code < 0 ? failed(code) : status_;
}

absl::StatusOr<bool> SourceInput::Read(AVPacket* packet) {
  const int code = av_read_frame(format_, packet);
  if (!status_.ok()) return status_;
  if (code == AVERROR(ENOMEM)) return MediaStatus(code, "the video can't be read");
  return code >= 0;
}

int SourceInput::ReadBytes(void* self, uint8_t* buffer, int size) {
  auto* input = static_cast<SourceInput*>(self);
  const int64_t left = static_cast<int64_t>(input->source_.size()) - input->position_;
  const int64_t count = std::min<int64_t>(size, left);
  if (count <= 0) return AVERROR_EOF;
  const absl::Status read = input->source_.ReadAt(static_cast<uint64_t>(input->position_),
                                                  static_cast<size_t>(count), &input->bytes_);
  if (!read.ok()) {
    input->status_.Update(read);
    return AVERROR(EIO);
  }
  std::memcpy(buffer, input->bytes_.data(), static_cast<size_t>(count));
  input->position_ += count;
  return static_cast<int>(count);
}

int64_t SourceInput::Seek(void* self, int64_t offset, int whence) {
  auto* input = static_cast<SourceInput*>(self);
  const auto size = static_cast<int64_t>(input->source_.size());
  if (whence & AVSEEK_SIZE) return size;
  const int from = whence & ~AVSEEK_FORCE;
  int64_t position = offset;
  if (from != SEEK_SET && from != SEEK_CUR && from != SEEK_END) return AVERROR(EINVAL);
  if (from != SEEK_SET &&
      __builtin_add_overflow(offset, from == SEEK_CUR ? input->position_ : size, &position)) {
    return AVERROR(EINVAL);
  }
  if (position < 0) return AVERROR(EINVAL);
  return input->position_ = position;
}

}  // namespace vidmuse
