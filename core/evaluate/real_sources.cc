#include "core/evaluate/evaluate.h"
#include "core/evaluate/find_cuts.h"
#include "core/extractors/extractor.h"
#include "core/extractors/read_sound.h"

namespace vidmuse::evaluate {

Sources RealSources() {
  return {.read_sound = ReadSound,
          .open_sounds = OpenSoundExtractor,
          .open_pictures = OpenPictureExtractor,
          .rhythm = AnalyseRhythm,
          .cuts = FindCuts};
}

}  // namespace vidmuse::evaluate
