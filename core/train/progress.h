// What a training run shows while it runs: a line on stderr, and its curves as a CSV file.
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
  // Keeps the rows of DIRECTORY/NAME.csv up to `done` steps and drops later ones, which a run that
  // goes on from its checkpoint makes again.
  static absl::StatusOr<std::unique_ptr<Progress>> Open(const std::string& name,
                                                        const std::string& directory, int64_t steps,
                                                        int64_t done);

  // A row of the CSV file, in the order of `values`, which is the same in every call.
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
  double mean_loss_ = 0;  // over the last steps, newer ones counting more
  std::ofstream csv_;
  bool has_header_ = false;
};

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_PROGRESS_H_
