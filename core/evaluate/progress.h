// Shows how far a long piece of work is, on standard error.
#ifndef VIDMUSE_EVALUATE_PROGRESS_H_
#define VIDMUSE_EVALUATE_PROGRESS_H_

#include <cstddef>
#include <string>

#include "absl/time/time.h"

namespace vidmuse::evaluate {

// One line. `seconds` is how long the first `done` of `count` parts have taken.
std::string ProgressLine(const std::string& name, size_t done, size_t count, double seconds);

// On a terminal a line that is drawn over, else a line at each tenth of the work. Used by one
// thread.
class Progress {
 public:
  // Nothing is shown unless `shown`.
  Progress(std::string name, size_t count, bool shown);
  // Ends the line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Add();

 private:
  const std::string name_;
  const size_t count_;
  const bool shown_;
  const bool terminal_;
  const absl::Time started_;
  size_t done_ = 0;
};

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_PROGRESS_H_
