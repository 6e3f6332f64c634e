#include "core/extractors/imagebind_file.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <map>
#include <tuple>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "core/base/mutex.h"
#include "core/base/status_macros.h"
#include "core/extractors/published_file.h"

namespace vidmuse {
namespace {

// Tells a file's contents apart from others', as far as the file system does.
using FileKey = std::tuple<ImageBindModality, dev_t, ino_t, off_t, int64_t, int64_t>;

absl::StatusOr<FileKey> KeyOf(const std::string& path, ImageBindModality modality) {
  struct stat file;
  if (stat(path.c_str(), &file) != 0) return absl::ErrnoToStatus(errno, path);
  return FileKey(modality, file.st_dev, file.st_ino, file.st_size, file.st_mtim.tv_sec,
                 file.st_mtim.tv_nsec);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const ImageBindFile>> OpenImageBindFile(const std::string& path,
                                                                       ImageBindModality modality) {
  static Mutex mutex;
  static auto* const opened ABSL_GUARDED_BY(mutex) =
      new std::map<FileKey, std::weak_ptr<const ImageBindFile>>();
  MutexLock lock(&mutex);
  ASSIGN_OR_RETURN(const FileKey key, KeyOf(path, modality));
  std::erase_if(*opened, [](const auto& entry) { return entry.second.expired(); });
  if (const auto found = opened->find(key); found != opened->end()) {
    if (auto file = found->second.lock()) return file;
  }
  auto file = std::make_shared<ImageBindFile>();
  RETURN_IF_ERROR(LoadPublished(
      path, /*prefix=*/"",
      [&](WeightReader& weights) -> absl::Status {
        ASSIGN_OR_RETURN(file->tower, ImageBindTower::Load(modality, weights));
        return absl::OkStatus();
      },
      file->info));
  (*opened)[key] = file;
  return file;
}

}  // namespace vidmuse
