// The program vidmuse_make_extractors, which writes small files of all networks that measure sounds
// and pictures, and of the one that separates sounds, into a folder, under their published names:
// for tests of programs that read them.
#include <filesystem>
#include <iostream>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/extractors/extractor.h"
#include "tests/support/clap_file.h"
#include "tests/support/htdemucs_file.h"
#include "tests/support/imagebind_file.h"
#include "tests/support/sound_network_files.h"

namespace vidmuse {
namespace {

absl::Status WriteAll(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return absl::InvalidArgumentError(absl::StrCat(folder, ": ", error.message()));
  constexpr NetworkSizes kSizes = NetworkSizes::kSmall;
  const auto path = [&](SoundNetwork network) {
    return absl::StrCat(folder, "/", PublishedFile(network));
  };
  RETURN_IF_ERROR(WriteVggish(kSizes, path(SoundNetwork::kVggish)));
  RETURN_IF_ERROR(WriteCnn14(16000, kSizes, path(SoundNetwork::kCnn14At16kHz)));
  RETURN_IF_ERROR(WriteCnn14(32000, kSizes, path(SoundNetwork::kCnn14At32kHz)));
  RETURN_IF_ERROR(WriteCnn14(32000, kSizes, path(SoundNetwork::kCnn14DecisionLevelMax)));
  RETURN_IF_ERROR(WriteClap({}, path(SoundNetwork::kClapMusic)));
  RETURN_IF_ERROR(WriteHtDemucs(TinyHtDemucs(), folder));
  return WriteImageBind({}, path(SoundNetwork::kImageBindSound));
}

}  // namespace
}  // namespace vidmuse

int main(int argc, char** argv) {
  const std::string flag = argc > 1 ? argv[1] : "";
  if (argc != 3 || flag != "--out") {
    std::cerr << "usage: vidmuse_make_extractors --out DIR\n";
    return 2;
  }
  const absl::Status status = vidmuse::WriteAll(argv[2]);
  if (!status.ok()) std::cerr << "vidmuse_make_extractors: " << status.message() << '\n';
  return status.ok() ? 0 : 1;
}
