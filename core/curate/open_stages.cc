#include "core/curate/open_stages.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/curate/align_stage.h"
#include "core/curate/duplicates_stage.h"
#include "core/curate/music_stage.h"
#include "core/curate/probe_stage.h"
#include "core/curate/separate_stage.h"
#include "core/curate/static_stage.h"

namespace vidmuse::curate {
namespace {

absl::Status OpenNetworks(const std::vector<std::string>& names, const std::string& extractors,
                          OpenedStages* opened) {
  const auto has = [&](const char* name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const char* name : {"music", "separate", "align"}) {
    if (has(name) && extractors.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the stage ", name, " needs networks: --extractors names their folder"));
    }
  }
  if (has("music") || has("separate")) {
    ASSIGN_OR_RETURN(opened->detector,
                     OpenSoundExtractor(SoundNetwork::kCnn14DecisionLevelMax, extractors));
  }
  if (has("separate")) {
    ASSIGN_OR_RETURN(opened->separator, HtDemucs::Open(extractors));
  }
  if (has("align")) {
    ASSIGN_OR_RETURN(opened->sound, OpenSoundExtractor(SoundNetwork::kImageBindSound, extractors));
    ASSIGN_OR_RETURN(opened->picture,
                     OpenPictureExtractor(PictureNetwork::kImageBindPictures, extractors));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<OpenedStages> OpenStages(const std::vector<std::string>& names,
                                        const std::string& extractors, const SoundSource& sounds,
                                        const PictureSource& pictures,
                                        const MeasurementStore* store) {
  OpenedStages opened;
  RETURN_IF_ERROR(OpenNetworks(names, extractors, &opened));
  const auto add = [&](const char* name, auto make) {
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      opened.stages.push_back(make());
    }
  };
  add("probe", [&] { return NewProbeStage(sounds, pictures); });
  add("static", [&] { return NewStaticStage(pictures); });
  add("music", [&] { return NewMusicStage(sounds, opened.detector.get()); });
  add("duplicates", [&] { return NewDuplicatesStage(sounds); });
  add("separate", [&] {
    return NewSeparateStage(sounds, opened.separator.get(), opened.detector.get(), store);
  });
  add("align",
      [&] { return NewAlignStage(sounds, pictures, opened.sound.get(), opened.picture.get()); });
  return opened;
}

}  // namespace vidmuse::curate
