#include "core/train/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>

#include "absl/memory/memory.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace vidmuse::train {
namespace {

constexpr int kBarWidth = 30;
constexpr int64_t kLogSteps = 20;  // between lines, unless stderr is a terminal
constexpr double kMeanDecay = 0.9;

// The header and the rows up to `done`.
std::vector<std::string> KeptRows(const std::string& path, int64_t done) {
  std::vector<std::string> rows;
  std::ifstream csv(path);
  for (std::string row; std::getline(csv, row);) {
    int64_t step = 0;
    if (rows.empty() || (absl::SimpleAtoi(row.substr(0, row.find(',')), &step) && step <= done)) {
      rows.push_back(row);
    }
  }
  return rows;
}

}  // namespace

Progress::Progress(std::string name, std::string path, int64_t steps, int64_t done)
    : name_(std::move(name)),
      path_(std::move(path)),
      steps_(steps),
      first_step_(done),
      started_(absl::Now()),
      terminal_(isatty(STDERR_FILENO) == 1) {}

absl::StatusOr<std::unique_ptr<Progress>> Progress::Open(const std::string& name,
                                                         const std::string& directory,
                                                         int64_t steps, int64_t done) {
  const std::string path = absl::StrCat(directory, "/", name, ".csv");
  std::vector<std::string> kept;
  if (done > 0) kept = KeptRows(path, done);
  auto progress = absl::WrapUnique(new Progress(name, path, steps, done));
  progress->csv_.open(path, std::ios::trunc);
  for (const std::string& row : kept) progress->csv_ << row << '\n';
  progress->has_header_ = !kept.empty();
  if (!progress->csv_.flush()) {
    return absl::UnavailableError(absl::StrCat(path, ": cannot be written"));
  }
  return progress;
}

absl::Status Progress::Report(int64_t step,
                              const std::vector<std::pair<std::string, double>>& values) {
  if (!has_header_) {
    csv_ << "step";
    for (const auto& value : values) csv_ << ',' << value.first;
    csv_ << '\n';
    has_header_ = true;
  }
  csv_ << step;
  for (const auto& value : values) csv_ << ',' << value.second;
  csv_ << '\n';
  if (!csv_.flush()) return absl::UnavailableError(absl::StrCat(path_, ": cannot be written"));
  if (!values.empty()) Show(step, values[0].second);
  return absl::OkStatus();
}

void Progress::Show(int64_t step, double loss) {
  mean_loss_ = step == first_step_ + 1 ? loss : kMeanDecay * mean_loss_ + (1 - kMeanDecay) * loss;
  if (!terminal_ && step % kLogSteps != 0 && step != steps_) return;
  const double seconds = absl::ToDoubleSeconds(absl::Now() - started_);
  const double left =
      seconds / static_cast<double>(step - first_step_) * static_cast<double>(steps_ - step);
  const auto filled = static_cast<int>(kBarWidth * step / std::max<int64_t>(1, steps_));
  const std::string bar = std::string(filled, '#') + std::string(kBarWidth - filled, '.');
  std::fprintf(stderr, "%s%s [%s] %lld/%lld loss %.4f, %.0f s, %.0f s left%s",
               terminal_ ? "\r" : "", name_.c_str(), bar.c_str(), static_cast<long long>(step),
               static_cast<long long>(steps_), mean_loss_, seconds, left,
               !terminal_ || step == steps_ ? "\n" : "  ");
}

}  // namespace vidmuse::train
