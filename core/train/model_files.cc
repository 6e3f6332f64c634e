#include "core/train/model_files.h"

#include <ATen/ATen.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/architecture/conditioner_tensors.h"
#include "core/model/checkpoint/codec_source.h"
#include "core/model/checkpoint/codec_weights.h"
#include "core/model/checkpoint/tensor_file.h"
#include "core/model/checkpoint/torch_file_writer.h"
#include "core/model/synthetic/layout.h"

namespace vidmuse::train {
namespace {

constexpr char kTokenFile[] = "state_dict.bin";
constexpr char kCodecFile[] = "compression_state_dict.bin";
constexpr char kVersion[] = "1.2.0";

// Leaves out what no network reads but the norm of CLIP's output, which published files have.
std::vector<NamedShape> WithoutText(std::vector<NamedShape> layout) {
  std::erase_if(layout, [](const NamedShape& tensor) { return IsUnreadProjection(tensor.name); });
  return layout;
}

absl::Status MakeDirectory(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (!error) return absl::OkStatus();
  return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot make ", directory));
}

// Sizes of the model in `file`. The conditioner's are derived from its tensors' names and shapes.
absl::StatusOr<HashModelSizes> SizesOf(const TensorFile& file, const LmConfig& config) {
  ASSIGN_OR_RETURN(
      const ConditionerConfig conditioner, FindConditionerConfig([&](const std::string& name) {
        const auto found = file.tensors().find(kPublishedTensors + name);
        return found == file.tensors().end() ? std::nullopt : std::optional(found->second.shape);
      }));
  HashModelSizes sizes;
  sizes.dim = config.dim;
  sizes.num_heads = config.num_heads;
  sizes.num_layers = config.num_layers;
  sizes.hidden_scale = config.hidden_scale;
  sizes.card = config.card;
  sizes.clip_width = conditioner.width;
  sizes.clip_mlp = conditioner.clip_mlp;
  sizes.clip_layers = conditioner.clip_layers;
  sizes.temporal_layers = conditioner.temporal_layers;
  RETURN_IF_ERROR(CheckHashModelSizes(sizes));
  return sizes;
}

absl::Status CopyFile(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code error;
  if (std::filesystem::equivalent(from, to, error)) return absl::OkStatus();
  const std::string part = to.string() + ".part";
  if (std::filesystem::copy_file(from, part, std::filesystem::copy_options::overwrite_existing,
                                 error)) {
    std::filesystem::rename(part, to, error);
  }
  if (!error) return absl::OkStatus();
  std::error_code ignored;
  std::filesystem::remove(part, ignored);
  return absl::ErrnoToStatus(error.value(),
                             absl::StrCat("cannot copy ", from.string(), " to ", to.string()));
}

// kFloat16 if all matrices in the file are; otherwise kFloat32, which can hold every type's
// numbers.
DType TypeOf(const TensorFile& file, const std::string& prefix) {
  for (const auto& [name, tensor] : file.tensors()) {
    if (absl::StartsWith(name, prefix) && tensor.shape.size() >= 2 &&
        tensor.dtype != DType::kFloat16) {
      return DType::kFloat32;
    }
  }
  return DType::kFloat16;
}

absl::Status Write(const Parameters& parameters, DType type, const std::string& yaml,
                   const std::string& directory, const char* name) {
  RETURN_IF_ERROR(MakeDirectory(directory));
  ASSIGN_OR_RETURN(const std::unique_ptr<TorchFileWriter> writer,
                   TorchFileWriter::Create(absl::StrCat(directory, "/", name)));
  RETURN_IF_ERROR(parameters.WriteTo(*writer, kPublishedTensors, type));
  RETURN_IF_ERROR(writer->AddString(kPublishedConfig, yaml));
  RETURN_IF_ERROR(writer->AddString("version", kVersion));
  return writer->Finish();
}

}  // namespace

absl::StatusOr<CodecModel> NewCodec(const HashModelSizes& sizes, uint64_t seed) {
  RETURN_IF_ERROR(CheckHashModelSizes(sizes));
  CodecModel model;
  model.yaml = CodecYaml(sizes);
  ASSIGN_OR_RETURN(model.config, ParseAudiocraftCodecConfig(model.yaml));
  model.parameters = Parameters::Initialize(CodecTensors(sizes), seed);
  return model;
}

absl::StatusOr<TokenModel> NewTokenModel(const HashModelSizes& sizes, uint64_t seed) {
  RETURN_IF_ERROR(CheckHashModelSizes(sizes));
  TokenModel model;
  model.yaml = LmYaml(sizes);
  ASSIGN_OR_RETURN(model.config, ParseLmConfig(model.yaml));
  model.parameters = Parameters::Initialize(WithoutText(LmTensors(sizes)), seed);
  return model;
}

absl::StatusOr<CodecModel> ReadCodec(const std::string& directory, const std::string& codec_dir) {
  ASSIGN_OR_RETURN(const CodecSource source, OpenCodec(directory, codec_dir));
  CodecModel model;
  model.config = source.config;
  model.type = TypeOf(*source.file, source.prefix);
  if (source.names == CodecNames::kAudiocraft)
    model.yaml = source.file->strings().at(kPublishedConfig);
  for (const NamedShape& tensor : CodecTensors(source.config)) {
    model.parameters.Add(tensor.name, at::empty(tensor.shape, at::kFloat));
  }
  const auto has = [&](const std::string& name) {
    return source.file->tensors().contains(source.prefix + name);
  };
  RETURN_IF_ERROR(model.parameters.ReadFrom(*source.file, [&](const std::string& name) {
    return source.prefix + CodecNameInFile(source.names, name, has);
  }));
  return model;
}

absl::StatusOr<TokenModel> ReadTokenModel(const std::string& directory) {
  ASSIGN_OR_RETURN(const std::unique_ptr<TensorFile> file,
                   TensorFile::OpenTorch(absl::StrCat(directory, "/", kTokenFile)));
  TokenModel model;
  model.type = TypeOf(*file, kPublishedTensors);
  ASSIGN_OR_RETURN(model.yaml, CheckpointString(*file, kPublishedConfig));
  absl::StatusOr<LmConfig> config = ParseLmConfig(model.yaml);
  if (!config.ok()) return InFile(file->name(), config.status());
  model.config = *config;
  const absl::StatusOr<HashModelSizes> sizes = SizesOf(*file, model.config);
  if (!sizes.ok()) return InFile(file->name(), sizes.status());
  for (const NamedShape& tensor : WithoutText(LmTensors(*sizes))) {
    model.parameters.Add(tensor.name, at::empty(tensor.shape, at::kFloat));
  }
  // Tensors that training doesn't use are kept, so that they are written again.
  const std::string prefix = kPublishedTensors;
  for (const auto& [name, view] : file->tensors()) {
    if (!absl::StartsWith(name, prefix) || IsPositionIds(name)) continue;
    const std::string own = name.substr(prefix.size());
    if (!model.parameters.Has(own)) model.parameters.Add(own, at::empty(view.shape, at::kFloat));
  }
  RETURN_IF_ERROR(model.parameters.ReadFrom(*file, prefix));
  return model;
}

absl::Status CheckWritable(const CodecModel& model) {
  if (!model.yaml.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "a codec of a Hugging Face directory can be used, but not trained");
}

absl::Status WriteCodec(const CodecModel& model, const std::string& directory) {
  RETURN_IF_ERROR(CheckWritable(model));
  return Write(model.parameters, model.type, model.yaml, directory, kCodecFile);
}

absl::Status WriteTokenModel(const TokenModel& model, const std::string& directory) {
  return Write(model.parameters, model.type, model.yaml, directory, kTokenFile);
}

absl::Status CopyCodec(const std::string& from, const std::string& codec_dir,
                       const std::string& directory) {
  ASSIGN_OR_RETURN(const CodecSource source, OpenCodec(from, codec_dir));
  const std::filesystem::path to = directory;
  RETURN_IF_ERROR(MakeDirectory(directory));
  RETURN_IF_ERROR(CopyFile(std::filesystem::path(from) / kCodecFile, to / kCodecFile));
  if (source.directory.empty()) return absl::OkStatus();
  const std::filesystem::path weights = source.file->name();
  const std::filesystem::path copy = to / "encodec_32khz";
  RETURN_IF_ERROR(MakeDirectory(copy));
  RETURN_IF_ERROR(CopyFile(weights, copy / weights.filename()));
  return CopyFile(weights.parent_path() / "config.json", copy / "config.json");
}

}  // namespace vidmuse::train
