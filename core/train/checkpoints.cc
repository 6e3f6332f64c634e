#include "core/train/checkpoints.h"

#include <filesystem>
#include <functional>
#include <map>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace vidmuse::train {
namespace {

constexpr absl::string_view kEnd = ".bin";

// The step in NAME-STEP.bin, or -1.
int64_t StepOf(absl::string_view file, const std::string& name) {
  if (!absl::StartsWith(file, name + "-") || !absl::EndsWith(file, kEnd)) return -1;
  file.remove_prefix(name.size() + 1);
  file.remove_suffix(kEnd.size());
  int64_t step = -1;
  const bool is_number = absl::SimpleAtoi(file, &step) && absl::StrCat(step) == file;
  return is_number ? step : -1;
}

}  // namespace

Checkpoints::Checkpoints(std::string work_dir, std::string name)
    : work_dir_(std::move(work_dir)), name_(std::move(name)) {}

std::string Checkpoints::path() const { return absl::StrCat(work_dir_, "/", name_, kEnd); }

absl::Status Checkpoints::Keep(int64_t step) const {
  const std::string kept = absl::StrCat(work_dir_, "/", name_, "-", step, kEnd);
  std::error_code error;
  std::filesystem::remove(kept, error);
  std::filesystem::create_hard_link(path(), kept, error);
  // Some file systems have no hard links.
  if (error) std::filesystem::copy_file(path(), kept, error);
  if (!error) return absl::OkStatus();
  return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot keep ", path(), " as ", kept));
}

absl::Status Checkpoints::Prune(int count) const {
  std::map<int64_t, std::filesystem::path, std::greater<>> kept;  // by step, newest first
  std::error_code error;
  for (std::filesystem::directory_iterator entry(work_dir_, error), end; !error && entry != end;
       entry.increment(error)) {
    const int64_t step = StepOf(entry->path().filename().string(), name_);
    if (step >= 0) kept.emplace(step, entry->path());
  }
  for (const auto& [step, path] : kept) {
    if (count-- > 0) continue;
    std::filesystem::remove(path, error);
    if (error) break;
  }
  if (!error) return absl::OkStatus();
  return absl::ErrnoToStatus(error.value(),
                             absl::StrCat("cannot remove old checkpoints in ", work_dir_));
}

}  // namespace vidmuse::train
