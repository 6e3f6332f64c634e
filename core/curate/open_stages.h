// Makes the stages that a run needs, with their networks.
#ifndef VIDMUSE_CURATE_OPEN_STAGES_H_
#define VIDMUSE_CURATE_OPEN_STAGES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/curate/measurement_store.h"
#include "core/curate/sources.h"
#include "core/curate/stage.h"
#include "core/extractors/extractor.h"
#include "core/extractors/htdemucs.h"

namespace vidmuse::curate {

// The stages of one run, and what they use.
struct OpenedStages {
  std::unique_ptr<SoundExtractor> detector;
  std::unique_ptr<HtDemucs> separator;
  std::unique_ptr<SoundExtractor> sound;
  std::unique_ptr<PictureExtractor> picture;
  std::vector<std::unique_ptr<Stage>> stages;  // in the order in which clips go through them
};

// `names` are those of --stages; "split" isn't one of a clip. `extractors` is the folder with the
// networks' published files. `store` must outlive the stages. INVALID_ARGUMENT: a stage needs a
// network, and `extractors` is empty. Else errors are those of the networks' files.
absl::StatusOr<OpenedStages> OpenStages(const std::vector<std::string>& names,
                                        const std::string& extractors, const SoundSource& sounds,
                                        const PictureSource& pictures,
                                        const MeasurementStore* store);

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_OPEN_STAGES_H_
