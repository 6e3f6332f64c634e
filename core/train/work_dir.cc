#include "core/train/work_dir.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace vidmuse::train {
namespace {

// Whether the name is that of an unfinished file of TorchFileWriter: NAME.bin.XXXXXX.
bool IsPart(absl::string_view name) {
  constexpr absl::string_view kEnd = ".bin.";
  constexpr size_t kRandomLetters = 6;
  return name.size() > kEnd.size() + kRandomLetters &&
         name.substr(name.size() - kEnd.size() - kRandomLetters, kEnd.size()) == kEnd;
}

void RemoveParts(const std::string& directory) {
  std::error_code error;
  std::vector<std::filesystem::path> parts;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (IsPart(entry->path().filename().string())) parts.push_back(entry->path());
  }
  for (const std::filesystem::path& part : parts) std::filesystem::remove(part, error);
}

}  // namespace

absl::StatusOr<std::unique_ptr<WorkDir>> WorkDir::Open(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot make ", path));
  const std::string lock_path = path + "/lock";
  UniqueFd lock(open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (lock.get() < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", lock_path));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return absl::FailedPreconditionError(absl::StrCat(path, ": another run is using it"));
    }
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot lock ", lock_path));
  }
  RemoveParts(path);
  return absl::WrapUnique(new WorkDir(std::move(lock)));
}

}  // namespace vidmuse::train
