// A flag that long work looks at, so that it ends soon after nobody wants its result.
#ifndef VIDMUSE_BASE_CANCEL_H_
#define VIDMUSE_BASE_CANCEL_H_

#include <atomic>

namespace vidmuse {

// Thread-safe.
class CancelFlag {
 public:
  void Cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
};

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_CANCEL_H_
