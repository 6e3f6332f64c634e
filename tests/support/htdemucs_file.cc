#include "tests/support/htdemucs_file.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/status_macros.h"
#include "core/extractors/htdemucs.h"
#include "core/extractors/htdemucs_network.h"
#include "core/model/checkpoint/little_endian.h"
#include "core/model/checkpoint/torch_file_writer.h"
#include "core/model/synthetic/hash_values.h"

namespace vidmuse {
namespace {

constexpr absl::string_view kSeed = "tiny";

std::string Text(absl::string_view text) {
  std::string size;
  AppendLittle<uint32_t>(static_cast<uint32_t>(text.size()), &size);
  return absl::StrCat("X", size, text);
}

// A key of the arguments with a value in pickle's opcodes.
std::string Integer(absl::string_view key, int64_t value) {
  std::string bytes;
  AppendLittle<int32_t>(static_cast<int32_t>(value), &bytes);
  return absl::StrCat(Text(key), "J", bytes);
}

std::string Truth(absl::string_view key, bool value) {
  return absl::StrCat(Text(key), value ? "\x88" : "\x89");
}

std::string Float(absl::string_view key, double value) {
  std::string bytes;
  AppendLittle<double>(value, &bytes);
  return absl::StrCat(Text(key), "G", std::string(bytes.rbegin(), bytes.rend()));
}

std::string Nothing(absl::string_view key) { return absl::StrCat(Text(key), "N"); }

std::string List(absl::string_view key, const std::vector<std::string>& texts) {
  std::string out = absl::StrCat(Text(key), "](");
  for (const std::string& text : texts) absl::StrAppend(&out, Text(text));
  return out + "e";
}

// The arguments of the constructor that aren't always the same.
std::string Arguments(const HtDemucsConfig& config) {
  const std::string segment = absl::StrCat(config.segment, "/", config.sample_rate);
  return absl::StrCat(
      "}(", List("sources", config.sources), Integer("audio_channels", config.audio_channels),
      Integer("samplerate", config.sample_rate), Text("segment"), "cfractions\nFraction\n",
      Text(segment), "\x85R", Integer("channels", config.channels), Nothing("channels_time"),
      Integer("growth", config.growth), Integer("nfft", config.fft), Truth("cac", true),
      Integer("depth", config.depth), List("multi_freqs", {}),
      Float("freq_emb", config.embedding_weight), Float("emb_scale", config.embedding_scale),
      Integer("dconv_mode", 3), Integer("dconv_depth", config.dconv_depth),
      Integer("dconv_comp", config.dconv_compression),
      Integer("bottom_channels", config.bottom_channels),
      Integer("t_layers", config.transformer_layers), Integer("t_heads", config.heads),
      Float("t_hidden_scale", config.hidden_scale), Float("t_max_period", config.max_period),
      Float("t_weight_pos_embed", config.position_weight), Text("t_emb"), Text("sin"), "u");
}

}  // namespace

HtDemucsConfig TinyHtDemucs() {
  HtDemucsConfig config;
  config.segment = 34'398;
  config.channels = 8;
  config.bottom_channels = 32;
  config.heads = 4;
  config.transformer_layers = 3;
  return config;
}

absl::Status WriteHtDemucs(const HtDemucsConfig& config, const std::string& folder) {
  ASSIGN_OR_RETURN(const std::unique_ptr<TorchFileWriter> writer,
                   TorchFileWriter::Create(absl::StrCat(folder, "/", HtDemucs::kFile)));
  RETURN_IF_ERROR(writer->AddPickled("klass", "cdemucs.htdemucs\nHTDemucs\n"));
  RETURN_IF_ERROR(writer->AddPickled("args", ")"));
  RETURN_IF_ERROR(writer->AddPickled("kwargs", Arguments(config)));
  for (const NamedShape& tensor : HtDemucsNetwork::Layout(config)) {
    const DType type = HashType(tensor);
    std::vector<char> values(static_cast<size_t>(tensor.elements()) * DTypeSize(type));
    FillHashValues(kSeed, tensor, values.data());
    RETURN_IF_ERROR(writer->AddTensor("state/" + tensor.name, {type, tensor.shape, values.data()}));
  }
  RETURN_IF_ERROR(writer->AddPickled("training_args", "}"));
  return writer->Finish();
}

}  // namespace vidmuse
