// Source separation: takes a mix of music apart into its stems, or its vocals from the rest.
#ifndef VIDMUSE_EXTRACTORS_HTDEMUCS_H_
#define VIDMUSE_EXTRACTORS_HTDEMUCS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/extractors/features.h"
#include "core/extractors/htdemucs_config.h"

namespace vidmuse {

class HtDemucsNetwork;

// One source of a mix, for example the drums, at the network's rate and with its channels.
struct Stem {
  std::string name;
  Sound sound;
};

// A mix without its vocals (the sum of the other stems), and the vocals.
struct VocalSplit {
  Sound rest;
  Sound vocals;
};

// Hybrid Transformer Demucs, read from its published file. Equal to demucs-infer's Separator with
// shifts 0 (it draws shifts at random), an overlap of 0.25 and a transition power of 1.
// Thread-safe; a call computes on the caller's thread alone.
class HtDemucs {
 public:
  // The published file of the model "htdemucs".
  static constexpr char kFile[] = "955717e8-8726e21a.th";

  // Loads the network from kFile in `folder`. NOT_FOUND: there is no such file. INVALID_ARGUMENT:
  // the file is truncated, damaged, or holds another network or an unsupported variant.
  static absl::StatusOr<std::unique_ptr<HtDemucs>> Open(const std::string& folder);
  ~HtDemucs();

  const ExtractorInfo& info() const { return info_; }
  const HtDemucsConfig& config() const { return config_; }

  // Separates a sound of any rate. A mono sound counts as stereo, and of more than two channels the
  // first two are taken. The stems come in the order of config().sources, at config().sample_rate.
  // The sound is separated in segments that overlap, so memory grows only with the sound itself
  // and with what is returned. INVALID_ARGUMENT: the sound is shorter than two samples, or has
  // samples that aren't finite.
  absl::StatusOr<std::vector<Stem>> Separate(const Sound& sound) const;

  // The same, with all stems but the vocals summed, in half of the memory. INVALID_ARGUMENT also
  // if the network has no source "vocals".
  absl::StatusOr<VocalSplit> SplitVocals(const Sound& sound) const;

 private:
  HtDemucs(ExtractorInfo info, HtDemucsConfig config,
           std::unique_ptr<const HtDemucsNetwork> network);

  // Returns a sound for each group, with the sum of the group's sources. Called inside RunTorch.
  absl::StatusOr<std::vector<Sound>> SeparateGroups(
      const Sound& sound, const std::vector<std::vector<int64_t>>& groups) const;

  const ExtractorInfo info_;
  const HtDemucsConfig config_;
  const std::unique_ptr<const HtDemucsNetwork> network_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_HTDEMUCS_H_
