#include "core/engine/song.h"

#include <utility>

#include "core/base/catch_exceptions.h"

namespace vidmuse {

void EndSong(Song& song, const absl::Status& status, const SongTimes& times) {
  const std::shared_ptr<SongListener> listener = std::exchange(song.listener, nullptr);
  if (listener == nullptr) return;
  song.condition = nullptr;
  const auto tell = [&](const absl::Status& end) {
    return CatchExceptions("the request failed", [&] { listener->OnEnded(end, times); });
  };
  const absl::Status thrown = tell(status);
  if (!thrown.ok()) tell(status.ok() ? thrown : status).IgnoreError();
}

}  // namespace vidmuse
