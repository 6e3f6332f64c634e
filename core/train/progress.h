// Reports a training run's progress: a line on stderr, and its curves in a CSV file.
#ifndef VIDMUSE_TRAIN_PROGRESS_H_
#define VIDMUSE_TRAIN_PROGRESS_H_

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace vidmuse::train {

class Progress {
 public:
  // Opens DIRECTORY/NAME.csv for a run of `steps` steps of which `done` are made. Keeps the rows up
  // to step `done` and drops later ones, which the resumed run writes again.
  static absl::StatusOr<std::unique_ptr<Progress>> Open(const std::string& name,
                                                        const std::string& directory, int64_t steps,
                                                        int64_t done);

  // Writes a row to the CSV file and updates the line on stderr. `values` must have the same names
  // in the same order in every call; the first is the loss.
  absl::Status Report(int64_t step, const std::vector<std::pair<std::string, double>>& values);

 private:
  Progress(std::string name, std::string path, int64_t steps, int64_t done);
  void Show(int64_t step, double loss);

  const std::string name_;
  const std::string path_;
  const int64_t steps_;
  const int64_t first_step_;
  const absl::Time started_;
  const bool terminal_;
  double mean_loss_ = 0;  // exponential moving average
  std::ofstream csv_;
  bool has_header_ = false;
};

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_PROGRESS_H_
