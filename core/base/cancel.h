// A flag that long work looks at, so that it ends soon after nobody wants its result.
#ifndef VIDMUSE_BASE_CANCEL_H_
#define VIDMUSE_BASE_CANCEL_H_

#include <stop_token>

namespace vidmuse {

// Thread-safe.
class CancelFlag {
 public:
  // Runs what waits for it (std::stop_callback on `token`) in this thread.
  void Cancel() { source_.request_stop(); }
  bool cancelled() const { return source_.stop_requested(); }
  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_CANCEL_H_
