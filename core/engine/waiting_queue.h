// The requests that wait for a place in the batch, in the order in which they get one.
#ifndef VIDMUSE_ENGINE_WAITING_QUEUE_H_
#define VIDMUSE_ENGINE_WAITING_QUEUE_H_

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string>

#include "core/engine/generation.h"

namespace vidmuse {

struct WaitingGeneration {
  std::shared_ptr<Generation> generation;
  size_t kv_bytes = 0;  // for its largest window
};

// Clients take turns: one request of the client whose turn it is gets placed, then it is the next
// client's turn in the ring. A client that had no request waiting joins at the end of the ring.
// Requests of one client (Generation::client_key) keep their order. Not thread-safe.
class WaitingQueue {
 public:
  // If this throws, the queue is unchanged.
  void Push(WaitingGeneration waiting);

  bool empty() const { return ring_.empty(); }
  size_t size() const { return size_; }

  // The next request to be placed. The queue must not be empty.
  const WaitingGeneration& front() const { return ring_.front().waiting.front(); }
  // Removes front(), which ends its client's turn.
  void PopFront();

  // Removes and returns the requests for which `leaves` is true, in no particular order.
  std::list<WaitingGeneration> Remove(const std::function<bool(const WaitingGeneration&)>& leaves);
  std::list<WaitingGeneration> RemoveAll();

  // Calls `visit` for each request, in the order in which they would be placed now. `client` is the
  // place of the request's client in the ring, from 0, and `turn` is how many requests of the same
  // client come before this one.
  void ForEach(
      const std::function<void(const WaitingGeneration&, size_t client, size_t turn)>& visit) const;

 private:
  struct Client {
    std::string key;
    std::list<WaitingGeneration> waiting;  // never empty
  };

  std::list<Client> ring_;  // the first client has the next turn
  size_t size_ = 0;
};

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_WAITING_QUEUE_H_
