#include "core/model/synthetic/hash_model.h"

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/architecture/model_config.h"
#include "core/model/checkpoint/parsed_file.h"
#include "core/model/checkpoint/torch_file_writer.h"
#include "core/model/synthetic/hash_values.h"
#include "core/model/synthetic/layout.h"

namespace vidmuse {
namespace {

constexpr char kVersionName[] = "version";
constexpr char kVersion[] = "1.2.0";

TensorView Fill(const std::string& seed, const NamedShape& tensor,
                std::unique_ptr<char[]>* values) {
  values->reset(new char[tensor.elements() * DTypeSize(HashType(tensor))]);
  FillHashValues(seed, tensor, values->get());
  return {HashType(tensor), tensor.shape, values->get()};
}

std::unique_ptr<TensorFile> MakeFile(const HashModelSizes& sizes,
                                     const std::vector<NamedShape>& tensors, std::string yaml,
                                     const std::string& name) {
  auto file = std::make_unique<ParsedFile>(name);
  for (const NamedShape& tensor : tensors) {
    std::unique_ptr<char[]> values;
    file->tensor_map.emplace(kPublishedTensors + tensor.name, Fill(sizes.seed, tensor, &values));
    file->copies.push_back(std::move(values));
  }
  file->string_map.emplace(kPublishedConfig, std::move(yaml));
  file->string_map.emplace(kVersionName, kVersion);
  return file;
}

absl::Status WriteFile(const HashModelSizes& sizes, const std::vector<NamedShape>& tensors,
                       const std::string& yaml, const std::string& path) {
  ASSIGN_OR_RETURN(const std::unique_ptr<TorchFileWriter> writer, TorchFileWriter::Create(path));
  for (const NamedShape& tensor : tensors) {
    std::unique_ptr<char[]> values;
    RETURN_IF_ERROR(
        writer->AddTensor(kPublishedTensors + tensor.name, Fill(sizes.seed, tensor, &values)));
  }
  RETURN_IF_ERROR(writer->AddString(kPublishedConfig, yaml));
  RETURN_IF_ERROR(writer->AddString(kVersionName, kVersion));
  return writer->Finish();
}

}  // namespace

absl::Status CheckHashModelSizes(const HashModelSizes& sizes) {
  RETURN_IF_ERROR(ParseLmConfig(LmYaml(sizes)).status());
  RETURN_IF_ERROR(ParseAudiocraftCodecConfig(CodecYaml(sizes)).status());
  if (sizes.clip_layers < 1 || sizes.clip_layers > 64 || sizes.clip_mlp < 1 ||
      sizes.clip_mlp > 16384) {
    return absl::InvalidArgumentError(absl::StrCat("a CLIP tower of ", sizes.clip_layers,
                                                   " layers with an MLP of ", sizes.clip_mlp,
                                                   ", expected up to 64 layers and up to 16384"));
  }
  // The CLIP tower has heads of 64, and cross-attention has 3 heads.
  if (sizes.clip_width < 192 || sizes.clip_width > 16384 || sizes.clip_width % 192 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("a CLIP width of ", sizes.clip_width, ", expected a multiple of 192"));
  }
  if (sizes.temporal_layers < 1 || sizes.temporal_layers > 64) {
    return absl::InvalidArgumentError(
        absl::StrCat(sizes.temporal_layers, " temporal layers, expected 1 to 64"));
  }
  return absl::OkStatus();
}

std::unique_ptr<TensorFile> HashLmFile(const HashModelSizes& sizes) {
  return MakeFile(sizes, LmTensors(sizes), LmYaml(sizes), "hash model's state_dict.bin");
}

std::unique_ptr<TensorFile> HashCodecFile(const HashModelSizes& sizes) {
  return MakeFile(sizes, CodecTensors(sizes), CodecYaml(sizes),
                  "hash model's compression_state_dict.bin");
}

absl::Status WriteHashModel(const HashModelSizes& sizes, const std::string& directory) {
  RETURN_IF_ERROR(CheckHashModelSizes(sizes));
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(),
                               absl::StrCat("cannot make the directory ", directory));
  }
  RETURN_IF_ERROR(WriteFile(sizes, LmTensors(sizes), LmYaml(sizes), directory + "/state_dict.bin"));
  return WriteFile(sizes, CodecTensors(sizes), CodecYaml(sizes),
                   directory + "/compression_state_dict.bin");
}

}  // namespace vidmuse
