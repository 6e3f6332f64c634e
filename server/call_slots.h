// Limits how many calls there are: of all clients, and of each API key.
#ifndef VIDMUSE_SERVER_CALL_SLOTS_H_
#define VIDMUSE_SERVER_CALL_SLOTS_H_

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "core/base/mutex.h"

namespace vidmuse {

struct CallLimits {
  int uploads;  // of all clients together
  // These two apply to the calls whose API keys have the same name, and only if keys are in use.
  int uploads_per_key;
  int calls_per_key;  // admitted calls that have not ended
};

// Thread-safe.
class CallSlots {
 public:
  explicit CallSlots(const CallLimits& limits) : limits_(limits) {}
  CallSlots(const CallSlots&) = delete;
  CallSlots& operator=(const CallSlots&) = delete;

  // Admits a call whose API key is named `key`; `key` is empty if no keys are in use. The call
  // holds an upload slot until EndUpload, and counts as one of its key's calls until Leave. Fails
  // with RESOURCE_EXHAUSTED and a retry delay if there are too many.
  absl::Status Enter(const std::string& key);
  void EndUpload(const std::string& key);
  void Leave(const std::string& key);

 private:
  // What the calls with one key name use.
  struct Share {
    int uploads = 0;
    int calls = 0;
  };

  const CallLimits limits_;
  Mutex mutex_;
  int uploads_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<std::string, Share> shares_ ABSL_GUARDED_BY(mutex_);  // by key name
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_CALL_SLOTS_H_
