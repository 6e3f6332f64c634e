// Fuzzes the server's command line and its configuration file. An input holds the arguments, one
// per line, then a line "---", then the file.
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/options.h"
#include "tests/fuzz/memory_file.h"
#include "tests/fuzz/require.h"
#include "vidmuse/limits.h"

namespace {

void CheckOptions(const vidmuse::ServerOptions& options) {
  const vidmuse::Limits& limits = options.generator.limits;
  FUZZ_REQUIRE(limits.max_video_bytes >= 1);
  FUZZ_REQUIRE(limits.max_video_seconds >= 1 && limits.max_video_seconds <= 1e6);
  FUZZ_REQUIRE(limits.max_frame_width >= 1 && limits.max_frame_height >= 1);
  FUZZ_REQUIRE(limits.max_frames_per_second >= 1 && limits.max_frames_per_second <= 10000);
  FUZZ_REQUIRE(limits.max_queued_requests >= 1 && limits.max_batch >= 1);
  FUZZ_REQUIRE(options.generator.device_threads >= 0);
  FUZZ_REQUIRE(absl::StrContains(options.listen, ':'));
  FUZZ_REQUIRE(options.tls_cert.empty() == options.tls_key.empty());
  FUZZ_REQUIRE(options.drain_seconds >= 0 && options.drain_seconds <= 86400);
  FUZZ_REQUIRE(options.upload_timeout_seconds > 0);
  FUZZ_REQUIRE(options.self_test || !options.generator.model_dir.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(input, absl::MaxSplits("---\n", 1));
  std::vector<std::string> args;
  for (const absl::string_view arg : absl::StrSplit(parts.first, '\n', absl::SkipEmpty())) {
    if (absl::StartsWith(arg, "--config")) return 0;  // would read another file
    args.emplace_back(arg);
  }
  const vidmuse::MemoryFile file(parts.second);
  args.insert(args.begin(), absl::StrCat("--config=", file.path()));
  const auto options = vidmuse::ParseOptions(args);
  if (options.ok() && !options->help) CheckOptions(*options);
  return 0;
}
