// A queue whose clients take turns.
#ifndef VIDMUSE_BASE_TURN_QUEUE_H_
#define VIDMUSE_BASE_TURN_QUEUE_H_

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <list>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace vidmuse {

// One item of the client whose turn it is gets out, then it is the next client's turn in the ring.
// A client without items joins at the end of the ring. Items of one client keep their order. Not
// thread-safe.
template <typename T>
class TurnQueue {
 public:
  struct Client {
    std::string name;
    std::list<T> items;  // never empty
  };

  // Adds an item that `fill(item)`, which must throw nothing, gives its value. If this throws, the
  // queue is unchanged, and `fill` wasn't called.
  template <typename Fill>
  void Push(absl::string_view client, const Fill& fill) {
    const auto found =
        std::find_if(ring_.begin(), ring_.end(), [&](const Client& c) { return c.name == client; });
    std::list<Client> joining;
    if (found == ring_.end()) joining.emplace_back().name = std::string(client);
    std::list<T> item(1);
    // Nothing below throws.
    fill(item.front());
    Client& owner = joining.empty() ? *found : joining.front();
    owner.items.splice(owner.items.end(), item);
    ring_.splice(ring_.end(), joining);
    ++size_;
  }

  bool empty() const { return ring_.empty(); }
  size_t size() const { return size_; }
  // The first client has the next turn.
  const std::list<Client>& ring() const { return ring_; }

  // The next item. The queue must not be empty.
  const T& front() const { return ring_.front().items.front(); }
  // Removes and returns front(), which ends its client's turn. Throws what moving a T throws.
  T PopFront() {
    T first = std::move(ring_.front().items.front());
    ring_.front().items.pop_front();
    --size_;
    if (ring_.front().items.empty()) {
      ring_.pop_front();
    } else {
      ring_.splice(ring_.end(), ring_, ring_.begin());
    }
    return first;
  }

  // Removes and returns the items for which `leaves` is true, in no particular order.
  template <typename Leaves>
  std::list<T> Remove(const Leaves& leaves) {
    std::list<T> removed;
    for (auto client = ring_.begin(); client != ring_.end();) {
      std::list<T>& items = client->items;
      for (auto it = items.begin(); it != items.end();) {
        const auto next = std::next(it);
        if (leaves(*it)) {
          removed.splice(removed.end(), items, it);
          --size_;
        }
        it = next;
      }
      client = items.empty() ? ring_.erase(client) : std::next(client);
    }
    return removed;
  }

 private:
  std::list<Client> ring_;
  size_t size_ = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_TURN_QUEUE_H_
