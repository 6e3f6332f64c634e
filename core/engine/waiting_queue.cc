#include "core/engine/waiting_queue.h"

#include <algorithm>
#include <utility>

namespace vidmuse {

void WaitingQueue::Push(WaitingGeneration waiting) {
  const std::string& key = waiting.generation->client_key;
  auto client = std::find_if(ring_.begin(), ring_.end(),
                             [&](const Client& other) { return other.key == key; });
  if (client != ring_.end()) {
    client->waiting.push_back(std::move(waiting));
  } else {
    std::list<Client> joining(1);
    joining.front().key = key;
    joining.front().waiting.push_back(std::move(waiting));
    ring_.splice(ring_.end(), joining);
  }
  ++size_;
}

void WaitingQueue::PopFront() {
  ring_.front().waiting.pop_front();
  --size_;
  if (ring_.front().waiting.empty()) {
    ring_.pop_front();
  } else {
    ring_.splice(ring_.end(), ring_, ring_.begin());
  }
}

std::list<WaitingGeneration> WaitingQueue::Remove(
    const std::function<bool(const WaitingGeneration&)>& leaves) {
  std::list<WaitingGeneration> removed;
  for (auto client = ring_.begin(); client != ring_.end();) {
    std::list<WaitingGeneration>& waiting = client->waiting;
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

std::list<WaitingGeneration> WaitingQueue::RemoveAll() {
  return Remove([](const WaitingGeneration&) { return true; });
}

void WaitingQueue::ForEach(
    const std::function<void(const WaitingGeneration&, size_t, size_t)>& visit) const {
  size_t left = size_;
  for (size_t turn = 0; left > 0; ++turn) {
    size_t place = 0;
    for (const Client& client : ring_) {
      if (client.waiting.size() > turn) {
        visit(*std::next(client.waiting.begin(), static_cast<std::ptrdiff_t>(turn)), place, turn);
        --left;
      }
      ++place;
    }
  }
}

}  // namespace vidmuse
