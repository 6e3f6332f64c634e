// Requests without a place in the batch, in the order in which they get one.
#ifndef VIDMUSE_ENGINE_WAITING_QUEUE_H_
#define VIDMUSE_ENGINE_WAITING_QUEUE_H_

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "core/engine/generation.h"

namespace vidmuse {

// A generation that waits for a place.
struct WaitingGeneration {
  std::shared_ptr<Generation> generation;
  size_t kv_bytes = 0;  // for its largest window
};

// Clients take turns: each client in the ring has one request placed, then the next client's turn
// comes. A client that had none waiting joins at the end of the ring. Requests of one client
// (Generation::client_key) keep their order. One thread.
class WaitingQueue {
 public:
  // Unchanged if it throws.
  void Push(WaitingGeneration waiting);

  bool empty() const { return ring_.empty(); }
  size_t size() const { return size_; }

  // The next one to be placed; the queue isn't empty.
  const WaitingGeneration& front() const { return ring_.front().waiting.front(); }
  // Ends its client's turn.
  void PopFront();

  // Takes out those that `leaves` holds for, in no particular order.
  std::list<WaitingGeneration> Remove(const std::function<bool(const WaitingGeneration&)>& leaves);
  std::list<WaitingGeneration> RemoveAll();

  // Calls `visit` in the order of placement, if nothing else happens: `client` is the place of the
  // request's client in the ring, `turn` is how many of the same client come before it.
  void ForEach(
      const std::function<void(const WaitingGeneration&, size_t client, size_t turn)>& visit) const;

 private:
  struct Client {
    std::string key;
    std::list<WaitingGeneration> waiting;  // never empty
  };

  std::list<Client> ring_;  // the first one has its turn next
  size_t size_ = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_WAITING_QUEUE_H_
