#include "core/engine/waiting_queue.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace vidmuse {

void WaitingQueue::Push(SongId id, Song&& song, size_t kv_bytes) {
  const auto client = std::find_if(ring_.begin(), ring_.end(), [&](const Client& other) {
    return other.key == song.client_key;
  });
  std::list<Client> joining;
  if (client == ring_.end()) joining.emplace_back().key = song.client_key;
  std::list<WaitingSong> waiting(1);
  // Nothing below throws.
  waiting.front().id = id;
  waiting.front().song = std::move(song);
  waiting.front().kv_bytes = kv_bytes;
  Client& owner = joining.empty() ? *client : joining.front();
  owner.waiting.splice(owner.waiting.end(), waiting);
  ring_.splice(ring_.end(), joining);
  ++size_;
}

WaitingSong WaitingQueue::PopFront() {
  WaitingSong first = std::move(ring_.front().waiting.front());
  ring_.front().waiting.pop_front();
  --size_;
  if (ring_.front().waiting.empty()) {
    ring_.pop_front();
  } else {
    ring_.splice(ring_.end(), ring_, ring_.begin());
  }
  return first;
}

std::list<WaitingSong> WaitingQueue::Remove(const std::function<bool(const WaitingSong&)>& leaves) {
  std::list<WaitingSong> removed;
  for (auto client = ring_.begin(); client != ring_.end();) {
    std::list<WaitingSong>& waiting = client->waiting;
    for (auto it = waiting.begin(); it != waiting.end();) {
      const auto next = std::next(it);
      if (leaves(*it)) {
        removed.splice(removed.end(), waiting, it);
        --size_;
      }
      it = next;
    }
    client = waiting.empty() ? ring_.erase(client) : std::next(client);
  }
  return removed;
}

std::list<WaitingSong> WaitingQueue::RemoveAll() {
  return Remove([](const WaitingSong&) { return true; });
}

absl::Duration WaitingQueue::next_deadline() const {
  absl::Duration next = absl::InfiniteDuration();
  for (const Client& client : ring_) {
    for (const WaitingSong& waiting : client.waiting) next = std::min(next, waiting.song.deadline);
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
  rests.reserve(ring_.size());
  for (const Client& client : ring_) {
    rests.push_back({client.waiting.begin(), client.waiting.end(), rests.size()});
  }
  for (size_t turn = 0; !rests.empty(); ++turn) {
    for (Rest& rest : rests) visit(*rest.next++, rest.client, turn);
    std::erase_if(rests, [](const Rest& rest) { return rest.next == rest.end; });
  }
}

}  // namespace vidmuse
