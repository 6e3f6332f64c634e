// A decoder process that works on a file while it is being uploaded, from the server's side.
#ifndef VIDMUSE_VIDEO_EARLY_DECODER_H_
#define VIDMUSE_VIDEO_EARLY_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "core/base/mutex.h"
#include "core/base/unique_fd.h"
#include "core/video/decoder_budget.h"
#include "core/video/decoder_process.h"

namespace vidmuse {

// It uses memory that nobody else needs, and ends as soon as somebody does: then the file is
// decoded when it is complete, as if there had been no early decoder. Thread-safe.
class EarlyDecoder {
 public:
  // What must outlive the decoder, but for `request`, which must be there until DontStart or End.
  struct Setting {
    const std::string& program;
    const UniqueFd& request;
    DecoderProcess::Setup setup;
    DecoderBudget& budget;
    uint64_t bytes = 0;  // of the budget
    int most = 0;        // early decoders at a time
  };
  struct Running {
    DecoderProcess process;
    DecoderBudget::Share share;
  };

  explicit EarlyDecoder(Setting setting) : setting_(setting) {}
  EarlyDecoder(const EarlyDecoder&) = delete;
  EarlyDecoder& operator=(const EarlyDecoder&) = delete;
  ~EarlyDecoder() { End(); }

  // Starts the process if there is memory to lend. The process ends with the calling thread.
  void Start();
  // From now on no process is started.
  void DontStart();
  // Kills the process, if there is one. From now on none is started.
  void End();
  // Hands the process over, whose memory nobody can call back from now on. Ends it instead, and
  // returns nothing, if somebody just did.
  std::optional<Running> Take();

  // True if the process runs and has decoded a frame. `start_bytes` is the size of the answer with
  // which it starts.
  bool HasFrame(size_t start_bytes) const;

 private:
  void CallBack();

  const Setting setting_;
  // Never locked by a thread that has locked the budget's mutex.
  mutable Mutex mutex_;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<DecoderBudget::LoanId> loan_ ABSL_GUARDED_BY(mutex_);
  std::optional<DecoderProcess> process_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_EARLY_DECODER_H_
