// The lists that a curation ends with.
#ifndef VIDMUSE_CURATE_RESULTS_H_
#define VIDMUSE_CURATE_RESULTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/curate/measurement_store.h"
#include "core/curate/raw_manifest.h"
#include "core/curate/reviews.h"
#include "core/curate/rules.h"
#include "core/curate/stage.h"

namespace vidmuse::curate {

struct CuratedClip {
  RawClip clip;
  Measurements measured;
  Decision decision;
};

// Collects what the stages measured, and decides. A clip that some of `stages` (name, settings)
// haven't measured although the rules let it go on isn't kept: "not measured by STAGE yet".
struct StageKey {
  std::string name;
  std::string settings;
};
std::vector<CuratedClip> Collect(absl::Span<const RawClip> clips, const Rules& rules,
                                 const MeasurementStore& store,
                                 const std::vector<StageKey>& stages);

// What a kept clip is for.
struct Split {
  std::vector<const CuratedClip*> benchmark;  // those that people kept, in the manifest's order
  std::vector<const CuratedClip*> pretrain;   // all others, in the manifest's order
  // The best of `pretrain` by the stage "align", best first, equal ones by id.
  std::vector<const CuratedClip*> finetune;
};
Split SplitClips(const std::vector<CuratedClip>& clips, const Rules& rules, const Reviews& reviews);

// Writes FOLDER/clips.jsonl (a line a clip: what was measured, `kept`, `reason`), pretrain.jsonl,
// finetune.jsonl and benchmark.jsonl (the published training manifest's keys), V2M.txt, V2M-20k.txt
// and V2M-bench.txt (an id a line). UNAVAILABLE: a file can't be written.
absl::Status WriteResults(const std::vector<CuratedClip>& clips, const Split& split,
                          const std::string& folder);

}  // namespace vidmuse::curate

#endif  // VIDMUSE_CURATE_RESULTS_H_
