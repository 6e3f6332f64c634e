#include "core/train/model_files.h"

#include <ATen/ATen.h>

#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/checkpoint/tensor_file.h"
#include "core/model/checkpoint/torch_file_writer.h"
#include "core/model/hash_model/layout.h"

namespace vidmuse::train {
namespace {

constexpr char kTokenFile[] = "state_dict.bin";
constexpr char kCodecFile[] = "compression_state_dict.bin";
constexpr char kPrefix[] = "best_state/";
constexpr char kYaml[] = "xp.cfg";
constexpr char kVersion[] = "1.2.0";

std::vector<NamedShape> WithoutText(std::vector<NamedShape> layout) {
  std::erase_if(layout, [](const NamedShape& tensor) {
    return absl::StrContains(tensor.name, "condition_provider.") ||
           absl::StrContains(tensor.name, "visual_projection");
  });
  return layout;
}

// All of best_state, and xp.cfg.
absl::Status Read(const std::string& path, std::string* yaml, Parameters* parameters) {
  ASSIGN_OR_RETURN(const std::unique_ptr<TensorFile> file, TensorFile::OpenTorch(path));
  const auto config = file->strings().find(kYaml);
  if (config == file->strings().end()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": '", kYaml, "' is missing"));
  }
  *yaml = config->second;
  const std::string prefix = kPrefix;
  for (const auto& [name, view] : file->tensors()) {
    if (!absl::StartsWith(name, prefix) || absl::StrContains(name, "position_ids")) continue;
    parameters->Add(name.substr(prefix.size()), at::empty(view.shape, at::kFloat));
  }
  return parameters->ReadFrom(*file, prefix);
}

absl::Status Write(const Parameters& parameters, const std::string& yaml,
                   const std::string& directory, const char* name) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot make ", directory));
  ASSIGN_OR_RETURN(const std::unique_ptr<TorchFileWriter> writer,
                   TorchFileWriter::Create(absl::StrCat(directory, "/", name)));
  RETURN_IF_ERROR(parameters.WriteTo(*writer, kPrefix, DType::kFloat16));
  RETURN_IF_ERROR(writer->AddString(kYaml, yaml));
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

absl::StatusOr<CodecModel> ReadCodec(const std::string& directory) {
  CodecModel model;
  const std::string path = absl::StrCat(directory, "/", kCodecFile);
  RETURN_IF_ERROR(Read(path, &model.yaml, &model.parameters));
  ASSIGN_OR_RETURN(model.config, ParseAudiocraftCodecConfig(model.yaml));
  return model;
}

absl::StatusOr<TokenModel> ReadTokenModel(const std::string& directory) {
  TokenModel model;
  const std::string path = absl::StrCat(directory, "/", kTokenFile);
  RETURN_IF_ERROR(Read(path, &model.yaml, &model.parameters));
  ASSIGN_OR_RETURN(model.config, ParseLmConfig(model.yaml));
  return model;
}

absl::Status WriteCodec(const CodecModel& model, const std::string& directory) {
  return Write(model.parameters, model.yaml, directory, kCodecFile);
}

absl::Status WriteTokenModel(const TokenModel& model, const std::string& directory) {
  return Write(model.parameters, model.yaml, directory, kTokenFile);
}

}  // namespace vidmuse::train
