// A flag by which a long computation is told that its result is no longer wanted.
#ifndef VIDMUSE_BASE_CANCEL_H_
#define VIDMUSE_BASE_CANCEL_H_

#include <stop_token>

namespace vidmuse {

// Thread-safe. Copies are the same flag: cancelling one cancels all.
class CancelFlag {
 public:
  // Runs the std::stop_callbacks registered on `token` in the calling thread.
  void Cancel() { source_.request_stop(); }
  bool cancelled() const { return source_.stop_requested(); }
  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_CANCEL_H_
