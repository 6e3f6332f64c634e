// The songs that wait for a place in the batch, in the order in which they get one.
#ifndef VIDMUSE_ENGINE_WAITING_QUEUE_H_
#define VIDMUSE_ENGINE_WAITING_QUEUE_H_

#include <cstddef>
#include <functional>
#include <list>

#include "absl/time/time.h"
#include "core/base/turn_queue.h"
#include "core/engine/song.h"

namespace vidmuse {

struct WaitingSong {
  SongId id = 0;
  Song song;
  size_t kv_bytes = 0;  // for its largest window
};

// Clients take turns: one song of the client whose turn it is gets placed, then it is the next
// client's turn in the ring. A client that had no song waiting joins at the end of the ring. Songs
// of one client (Song::client_key) keep their order. Not thread-safe.
class WaitingQueue {
 public:
  // If this throws, the queue and the song are unchanged.
  void Push(SongId id, Song&& song, size_t kv_bytes);

  bool empty() const { return songs_.empty(); }
  size_t size() const { return songs_.size(); }

  // The next song to be placed. The queue must not be empty.
  const WaitingSong& front() const { return songs_.front(); }
  // Removes and returns front(), which ends its client's turn. Throws nothing.
  WaitingSong PopFront() { return songs_.PopFront(); }

  // Removes and returns the songs for which `leaves` is true, in no particular order.
  std::list<WaitingSong> Remove(const std::function<bool(const WaitingSong&)>& leaves) {
    return songs_.Remove(leaves);
  }
  std::list<WaitingSong> RemoveAll();

  // The earliest deadline of all, or infinity. Throws nothing.
  absl::Duration next_deadline() const;

  // Calls `visit` for each song, in the order in which they would be placed now. `client` is the
  // place of the song's client in the ring, from 0, and `turn` is how many songs of the same client
  // come before this one.
  void ForEach(
      const std::function<void(const WaitingSong&, size_t client, size_t turn)>& visit) const;

 private:
  TurnQueue<WaitingSong> songs_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_WAITING_QUEUE_H_
