// How long a request was in one part of its way, for traces.
#ifndef VIDMUSE_STAGE_TIME_H_
#define VIDMUSE_STAGE_TIME_H_

#include <functional>
#include <optional>

#include "absl/time/time.h"

namespace vidmuse {

// The parts are:
//   upload, decode, encode, queue, generate, deliver
//                 one after the other, as the request went through them; the last one may have been
//                 broken off
//   decode, encode   with `window`: more of the video for a later window, beside `generate`
//   open_window   from when the condition of `window` was there until its KV cache is filled: the
//                 wait for the thread that does it, cross-attention's keys and values, prompts
//   first_audio   from the request's place in the batch to its first audio
//   encode_audio  from the first tokens that were made into audio to the last, with `busy`
struct StageTime {
  const char* name;             // lives for ever
  absl::Duration began, ended;  // Clock::Monotonic()
  std::optional<int> window{};  // 0: the song's first
  std::optional<absl::Duration>
      busy{};  // the time in which work was done, if that is not all of it
};

// Called when a part ends, from any of the generator's threads, one call at a time. It must return
// at once, throw nothing and call nothing of the generator. It may come after the stream's end,
// until the generator is destroyed.
using StageObserver = std::function<void(const StageTime&)>;

}  // namespace vidmuse

#endif  // VIDMUSE_STAGE_TIME_H_
