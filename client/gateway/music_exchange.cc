#include "client/gateway/music_exchange.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/video_output.h"
#include "client/gateway/event_stream.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

// How often a waiting exchange looks whether its client is still there.
constexpr absl::Duration kLook = absl::Milliseconds(200);

absl::Status GoneError() { return absl::CancelledError("the client went away"); }

// A folder for a file that needs a name, removed with its file.
class WorkFolder {
 public:
  absl::Status Make() {
    const char* parent = std::getenv("TMPDIR");
    path_ = absl::StrCat(parent == nullptr || *parent == '\0' ? "/tmp" : parent,
                         "/vidmuse-gateway-XXXXXX");
    if (mkdtemp(path_.data()) != nullptr) return absl::OkStatus();
    const int error = errno;
    path_.clear();
    return absl::ErrnoToStatus(error, "making a folder");
  }
  ~WorkFolder() {
    if (path_.empty()) return;
    unlink(file_.c_str());
    rmdir(path_.c_str());
  }
  const std::string& Name(absl::string_view extension) {
    return file_ = absl::StrCat(path_, "/song", extension);
  }

 private:
  std::string path_, file_;
};

}  // namespace

MusicExchange::MusicExchange(MusicClient* client, UploadBudget* budget, Request request,
                             std::function<bool()> gone)
    : client_(client), budget_(budget), request_(std::move(request)), gone_(std::move(gone)) {
  if (request_.events) query_.SetEvents();
}

absl::Status MusicExchange::SetField(absl::string_view name, absl::string_view value) {
  return query_.Set(name, value);
}

absl::Status MusicExchange::Begin() {
  const std::optional<uint64_t> size = request_.form ? std::nullopt : request_.video_bytes;
  video_bytes_ = size.value_or(0);
  ASSIGN_OR_RETURN(upload_,
                   Upload::Create(size, request_.max_video_bytes, budget_, request_.owners));
  // With the size known, the upload is passed on while it comes in.
  if (request_.form || !request_.video_bytes.has_value()) return absl::OkStatus();
  return Start();
}

absl::Status MusicExchange::Start() {
  RETURN_IF_ERROR(query_.Finish());
  GenerateOptions options;
  options.config = query_.options().config;
  options.deadline = std::min(request_.timeout, query_.options().deadline);
  options.api_key = request_.api_key;
  options.request_id = request_.request_id;
  options.traceparent = request_.traceparent;
  options.tracestate = request_.tracestate;
  song_ = std::make_unique<SongStream>(client_, std::move(options), upload_, query_.form());
  return absl::OkStatus();
}

absl::Status MusicExchange::AddVideo(absl::string_view bytes) {
  if (!request_.video_bytes.has_value() || request_.form) video_bytes_ += bytes.size();
  return upload_->Append(bytes);
}

absl::Status MusicExchange::EndBody() {
  RETURN_IF_ERROR(upload_->End(absl::OkStatus()));
  if (song_ == nullptr) RETURN_IF_ERROR(Start());
  if (request_.events) return AwaitEvent();
  RETURN_IF_ERROR(AwaitStart());
  return query_.container().empty() ? absl::OkStatus() : MakeVideo();
}

absl::Status MusicExchange::WaitUntil(const std::function<absl::StatusOr<bool>()>& look) {
  while (true) {
    ASSIGN_OR_RETURN(const bool is_over, look());
    if (is_over) return absl::OkStatus();
    if (gone_()) return GoneError();
  }
}

absl::Status MusicExchange::AwaitStart() {
  return WaitUntil([this]() -> absl::StatusOr<bool> {
    ASSIGN_OR_RETURN(const auto started, song_->WaitForStart(kLook));
    if (started.has_value()) started_ = *started;
    return started.has_value();
  });
}

absl::Status MusicExchange::AwaitEvent() {
  return WaitUntil([this] { return song_->WaitForBytes(kLook); });
}

absl::Status MusicExchange::MakeVideo() {
  WorkFolder folder;
  RETURN_IF_ERROR(folder.Make());
  const std::string path = folder.Name(query_.container());
  ASSIGN_OR_RETURN(const std::unique_ptr<VideoOutput> output, VideoOutput::Create(path));
  std::vector<char> bytes(64 << 10);
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, Read(bytes.data(), bytes.size()));
    if (count == 0) break;
    RETURN_IF_ERROR(output->Append({bytes.data(), count}));
  }
  RETURN_IF_ERROR(output->Commit(*upload_, started_, ToMuxOptions(query_.options(), gone_)));
  file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info;
  if (file_ < 0 || fstat(file_, &info) != 0) return absl::ErrnoToStatus(errno, "opening the video");
  file_bytes_ = static_cast<uint64_t>(info.st_size);
  return absl::OkStatus();
}

int MusicExchange::TakeFile() { return std::exchange(file_, -1); }

absl::StatusOr<size_t> MusicExchange::Read(char* out, size_t size) {
  if (told_.ok()) {
    const absl::StatusOr<size_t> count = ReadSong(out, size);
    if (count.ok() || !request_.events) return count;
    told_ = count.status();
    last_event_ = ErrorEvent(told_);
  }
  const size_t count = std::min(size, last_event_.size());
  std::copy_n(last_event_.data(), count, out);
  last_event_.erase(0, count);
  return count;
}

absl::StatusOr<size_t> MusicExchange::ReadSong(char* out, size_t size) {
  size_t count = 0;
  RETURN_IF_ERROR(WaitUntil([&]() -> absl::StatusOr<bool> {
    ASSIGN_OR_RETURN(count, song_->Read(out, size, kLook));
    return count > 0 || song_->ended();
  }));
  return count;
}

}  // namespace vidmuse
