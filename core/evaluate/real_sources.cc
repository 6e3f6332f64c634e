#include "absl/status/status.h"
#include "core/evaluate/evaluate.h"
#include "core/extractors/extractor.h"
#include "core/extractors/read_sound.h"

namespace vidmuse::evaluate {

Sources RealSources() {
  return {.read_sound = ReadSound,
          .open_sounds = OpenSoundExtractor,
          .open_pictures = OpenPictureExtractor,
          .rhythm = AnalyseRhythm,
          .cuts = [](const std::string&) -> absl::StatusOr<std::vector<double>> {
            return std::vector<double>();
          }};
}

}  // namespace vidmuse::evaluate
