// The network HTDemucs: it separates a segment of a mix into its sources.
//
// Source: "Hybrid Transformers for Music Source Separation" (Rouard et al., 2022), as PyPI's demucs
// and demucs-infer compute it.
#ifndef VIDMUSE_EXTRACTORS_HTDEMUCS_NETWORK_H_
#define VIDMUSE_EXTRACTORS_HTDEMUCS_NETWORK_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/extractors/htdemucs_config.h"
#include "core/model/architecture/tensors.h"
#include "core/model/checkpoint/weight_reader.h"

namespace at {
class Tensor;
}

namespace vidmuse {

// Computes in float32 on the CPU. Immutable after Load; thread-safe. Methods throw what Torch
// throws, so call them inside RunTorch.
class HtDemucsNetwork {
 public:
  // Errors name the tensor; see WeightReader::Read.
  static absl::StatusOr<std::unique_ptr<const HtDemucsNetwork>> Load(const HtDemucsConfig& config,
                                                                     WeightReader& weights);
  ~HtDemucsNetwork();

  // The tensors of the state dict, in the order in which Load reads them.
  static std::vector<NamedShape> Layout(const HtDemucsConfig& config);

  // `mix`: [channels, config.segment]. The result is [sources, channels, config.segment].
  at::Tensor Separate(const at::Tensor& mix) const;

 private:
  struct Parts;
  HtDemucsNetwork(const HtDemucsConfig& config, std::unique_ptr<const Parts> parts);

  const HtDemucsConfig config_;
  const std::unique_ptr<const Parts> parts_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_HTDEMUCS_NETWORK_H_
