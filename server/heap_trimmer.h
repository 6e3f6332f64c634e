// Returns free memory to the system.
#ifndef VIDMUSE_SERVER_HEAP_TRIMMER_H_
#define VIDMUSE_SERVER_HEAP_TRIMMER_H_

#include <cstdint>
#include <functional>

namespace vidmuse {

// Thousands of calls fragment the heap, so that the allocator keeps their memory. Trimming it takes
// about 50 ms, so it is done only when no call is live, and not after each call. Not thread-safe.
class HeapTrimmer {
 public:
  static constexpr int64_t kCallsToTrim = 256;

  // `trim` returns the allocator's free memory; the default is malloc_trim.
  explicit HeapTrimmer(std::function<void()> trim = nullptr);

  // Trims the heap if at least kCallsToTrim calls have begun since it was last trimmed. Call it
  // when no call is live, with the number of calls that have begun so far.
  void OnIdle(int64_t begun);

 private:
  const std::function<void()> trim_;
  int64_t trimmed_at_ = 0;  // calls that had begun when the heap was last trimmed
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_HEAP_TRIMMER_H_
