#include "core/engine/waiting_queue.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace vidmuse {

void WaitingQueue::Push(SongId id, Song&& song, size_t kv_bytes) {
  songs_.Push(song.client_key, [&](WaitingSong& waiting) {
    waiting.id = id;
    waiting.song = std::move(song);
    waiting.kv_bytes = kv_bytes;
  });
}

std::list<WaitingSong> WaitingQueue::RemoveAll() {
  return Remove([](const WaitingSong&) { return true; });
}

absl::Duration WaitingQueue::next_deadline() const {
  absl::Duration next = absl::InfiniteDuration();
  for (const auto& client : songs_.ring()) {
    for (const WaitingSong& waiting : client.items) next = std::min(next, waiting.song.deadline);
  }
  return next;
}

void WaitingQueue::ForEach(
    const std::function<void(const WaitingSong&, size_t, size_t)>& visit) const {
  // What is left of each client's songs, with the client's place in the ring.
  struct Rest {
    std::list<WaitingSong>::const_iterator next, end;
    size_t client;
  };
  std::vector<Rest> rests;
  rests.reserve(songs_.ring().size());
  for (const auto& client : songs_.ring()) {
    rests.push_back({client.items.begin(), client.items.end(), rests.size()});
  }
  for (size_t turn = 0; !rests.empty(); ++turn) {
    for (Rest& rest : rests) visit(*rest.next++, rest.client, turn);
    std::erase_if(rests, [](const Rest& rest) { return rest.next == rest.end; });
  }
}

}  // namespace vidmuse
