// A whole VidMuse whose weights are hashes of their names. It has any size, needs no file and is
// the same everywhere. It serves tests and benchmarks. tests/data/golden/README.md has the recipe,
// and what the published code computes with it.
#ifndef VIDMUSE_MODEL_SYNTHETIC_HASH_MODEL_H_
#define VIDMUSE_MODEL_SYNTHETIC_HASH_MODEL_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "core/model/checkpoint/tensor_file.h"

namespace vidmuse {

// The default is the golden 'tiny' model. Published sizes: dim 1024, 16 heads, 24 layers,
// hidden_scale 4, card 2048, clip_layers 12, clip_mlp 3072, codec_dimension 128, codec_filters 64,
// codec_bins 2048.
struct HashModelSizes {
  std::string seed = "tiny";
  int dim = 64;
  int num_heads = 2;
  int num_layers = 2;
  int hidden_scale = 1;
  int card = 64;
  int clip_layers = 1;
  int clip_mlp = 128;    // width of the CLIP tower's MLP
  int clip_width = 768;  // width of the CLIP tower and temporal transformers; a multiple of 192
  int temporal_layers = 2;
  int codec_dimension = 16;
  int codec_filters = 4;
  int codec_bins = 64;
};

// INVALID_ARGUMENT if no model can have these sizes.
absl::Status CheckHashModelSizes(const HashModelSizes& sizes);

// Return the files of the published layout, in memory: float16 tensors "best_state/...", strings
// "xp.cfg" and "version". The sizes must be valid.
std::unique_ptr<TensorFile> HashLmFile(const HashModelSizes& sizes);
std::unique_ptr<TensorFile> HashCodecFile(const HashModelSizes& sizes);

// Writes state_dict.bin and compression_state_dict.bin into `directory`, which it makes if needed.
// Holds one tensor in memory at a time.
absl::Status WriteHashModel(const HashModelSizes& sizes, const std::string& directory);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_SYNTHETIC_HASH_MODEL_H_
