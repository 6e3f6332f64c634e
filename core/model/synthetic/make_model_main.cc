// vidmuse_make_model writes a VidMuse with hash weights, for tests and benchmarks that have no
// published model.
#include <cstdio>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "core/model/synthetic/hash_model.h"

ABSL_FLAG(std::string, out, "",
          "directory to write state_dict.bin and compression_state_dict.bin to");
ABSL_FLAG(std::string, seed, "tiny", "another seed, other weights");
ABSL_FLAG(int, dim, 64, "width of the token model");
ABSL_FLAG(int, heads, 2, "its attention heads");
ABSL_FLAG(int, layers, 2, "its layers");
ABSL_FLAG(int, hidden_scale, 1, "width of its MLP over its width");
ABSL_FLAG(int, card, 64, "tokens a codebook");
ABSL_FLAG(int, clip_layers, 1, "layers of the CLIP tower");
ABSL_FLAG(int, clip_mlp, 128, "width of its MLP");
ABSL_FLAG(int, clip_width, 768, "width of the tower itself, a multiple of 192");
ABSL_FLAG(int, codec_dim, 16, "width of the codec's vectors");
ABSL_FLAG(int, codec_filters, 4, "width of the codec's last stage");
ABSL_FLAG(int, codec_bins, 64, "vectors a codebook; at least card");

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "Writes a VidMuse with hash weights: vidmuse_make_model --out DIR [sizes]");
  const auto rest = absl::ParseCommandLine(argc, argv);
  const std::string out = absl::GetFlag(FLAGS_out);
  if (out.empty() || rest.size() > 1) {
    std::fprintf(stderr, "vidmuse_make_model: --out DIR is needed, and flags only\n");
    return 2;
  }
  vidmuse::HashModelSizes sizes;
  sizes.seed = absl::GetFlag(FLAGS_seed);
  sizes.dim = absl::GetFlag(FLAGS_dim);
  sizes.num_heads = absl::GetFlag(FLAGS_heads);
  sizes.num_layers = absl::GetFlag(FLAGS_layers);
  sizes.hidden_scale = absl::GetFlag(FLAGS_hidden_scale);
  sizes.card = absl::GetFlag(FLAGS_card);
  sizes.clip_layers = absl::GetFlag(FLAGS_clip_layers);
  sizes.clip_mlp = absl::GetFlag(FLAGS_clip_mlp);
  sizes.clip_width = absl::GetFlag(FLAGS_clip_width);
  sizes.codec_dimension = absl::GetFlag(FLAGS_codec_dim);
  sizes.codec_filters = absl::GetFlag(FLAGS_codec_filters);
  sizes.codec_bins = absl::GetFlag(FLAGS_codec_bins);
  const absl::Status status = vidmuse::WriteHashModel(sizes, out);
  if (!status.ok()) {
    std::fprintf(stderr, "vidmuse_make_model: %s\n", status.ToString().c_str());
    return 1;
  }
  return 0;
}
