// vidmuse_evaluate: judges generated music.
#include <ATen/Parallel.h>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/cancel.h"
#include "core/base/catch_exceptions.h"
#include "core/base/cpus.h"
#include "core/base/interrupt.h"
#include "core/base/status_macros.h"
#include "core/base/version.h"
#include "core/base/whole_file.h"
#include "core/evaluate/evaluate.h"
#include "core/evaluate/evaluate_flags.h"
#include "core/evaluate/report.h"

namespace vidmuse::evaluate {
namespace {

// The sets of generated music that the flags name.
absl::StatusOr<std::vector<std::string>> Folders(const EvaluateFlags& flags,
                                                 const CommandLine& line) {
  if (!flags.compare.empty()) {
    if (!flags.generated.empty()) {
      return absl::InvalidArgumentError("either --generated or --compare");
    }
    if (line.rest.size() != 1) {
      return absl::InvalidArgumentError("--compare needs two folders: --compare A B");
    }
    return std::vector<std::string>{flags.compare, line.rest[0]};
  }
  if (!line.rest.empty()) return NotAFlagError(line.rest[0]);
  if (flags.generated.empty()) return absl::InvalidArgumentError("--generated is needed");
  return std::vector<std::string>{flags.generated};
}

absl::Status Run(const std::vector<std::string>& folders, const EvaluateFlags& flags,
                 const CancelFlag& cancel) {
  for (const std::string& path : {flags.output, flags.html}) {
    if (!path.empty()) RETURN_IF_ERROR(CheckWritable(path));
  }
  at::set_num_threads(flags.threads > 0 ? flags.threads : UsableCpus());
  ASSIGN_OR_RETURN(const Report report, Evaluate(folders, flags, RealSources(), cancel, true));
  for (const std::string& warning : report.warnings) {
    std::fprintf(stderr, "vidmuse_evaluate: %s\n", warning.c_str());
  }
  if (!flags.html.empty()) {
    RETURN_IF_ERROR(WriteWholeFile(flags.html, HtmlReport(report, flags.html)));
  }
  const std::string json = JsonReport(report);
  if (!flags.output.empty()) RETURN_IF_ERROR(WriteWholeFile(flags.output, json));
  const std::string text = flags.output.empty() ? json : TextReport(report);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    return absl::UnavailableError("standard output can't be written");
  }
  return absl::OkStatus();
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "vidmuse_evaluate: %s\n", status.ToString().c_str());
  return status.code() == absl::StatusCode::kCancelled ? kInterruptedExitCode : 1;
}

int Main(const std::vector<std::string>& args) {
  EvaluateFlags flags;
  const absl::StatusOr<CommandLine> line = EvaluateFlagTable().Parse(args, &flags);
  if (!line.ok()) return Fail(line.status());
  if (line->help) {
    std::fputs(EvaluateHelp().c_str(), stdout);
    return 0;
  }
  const absl::StatusOr<std::vector<std::string>> folders = Folders(flags, *line);
  if (!folders.ok()) return Fail(folders.status());
  const Interrupt interrupt("vidmuse_evaluate");
  const absl::Status status =
      CatchExceptions("evaluation", [&] { return Run(*folders, flags, interrupt.cancel()); });
  return status.ok() ? 0 : Fail(status);
}

}  // namespace
}  // namespace vidmuse::evaluate

int main(int argc, char** argv) {
  if (vidmuse::PrintVersionIfAsked(argc, argv)) return 0;
  return vidmuse::evaluate::Main(std::vector<std::string>(argv + 1, argv + argc));
}
