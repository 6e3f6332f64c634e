// vidmuse_make_model writes a VidMuse with hash weights, for tests and benchmarks that have no
// published model.
#include <cstdio>
#include <string>
#include <vector>

#include "core/base/flag_table.h"
#include "core/base/flag_type.h"
#include "core/base/version.h"
#include "core/model/synthetic/hash_model.h"

namespace vidmuse {
namespace {

struct Options {
  std::string out;
  HashModelSizes sizes;
};

FlagTable<Options> Flags() {
  using Sizes = HashModelSizes;
  const std::vector<Flag<Sizes>> sizes = {
      {"seed", &Sizes::seed, TextType(), "another seed, other weights"},
      {"dim", &Sizes::dim, NumberType<int>(), "width of the token model"},
      {"heads", &Sizes::num_heads, NumberType<int>(), "its attention heads"},
      {"layers", &Sizes::num_layers, NumberType<int>(), "its layers"},
      {"hidden_scale", &Sizes::hidden_scale, NumberType<int>(), "width of its MLP over its width"},
      {"card", &Sizes::card, NumberType<int>(), "tokens a codebook"},
      {"clip_layers", &Sizes::clip_layers, NumberType<int>(), "layers of the CLIP tower"},
      {"clip_mlp", &Sizes::clip_mlp, NumberType<int>(), "width of its MLP"},
      {"clip_width", &Sizes::clip_width, NumberType<int>(),
       "width of the tower itself, a multiple of 192"},
      {"codec_dim", &Sizes::codec_dimension, NumberType<int>(), "width of the codec's vectors"},
      {"codec_filters", &Sizes::codec_filters, NumberType<int>(),
       "width of the codec's last stage"},
      {"codec_bins", &Sizes::codec_bins, NumberType<int>(), "vectors a codebook; at least card"},
  };
  return FlagTable<Options>(
      Concat<Options>({{{"out", &Options::out, TextType(),
                         "directory to write state_dict.bin and compression_state_dict.bin to"}},
                       Within(&Options::sizes, sizes)}));
}

int Main(const std::vector<std::string>& args) {
  const FlagTable<Options> flags = Flags();
  Options options;
  const absl::StatusOr<CommandLine> line = flags.Parse(args, &options);
  if (line.ok() && line->help) {
    std::printf("Writes a VidMuse with hash weights: vidmuse_make_model --out DIR [sizes]\n\n%s",
                flags.Help().c_str());
    return 0;
  }
  if (!line.ok() || options.out.empty() || !line->rest.empty()) {
    std::fprintf(stderr, "vidmuse_make_model: %s\n",
                 line.ok() ? "--out DIR is needed, and flags only"
                           : std::string(line.status().message()).c_str());
    return 2;
  }
  const absl::Status status = WriteHashModel(options.sizes, options.out);
  if (status.ok()) return 0;
  std::fprintf(stderr, "vidmuse_make_model: %s\n", status.ToString().c_str());
  return 1;
}

}  // namespace
}  // namespace vidmuse

int main(int argc, char** argv) {
  if (vidmuse::PrintVersionIfAsked(argc, argv)) return 0;
  return vidmuse::Main(std::vector<std::string>(argv + 1, argv + argc));
}
