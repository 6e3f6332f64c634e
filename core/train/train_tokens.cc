#include "core/train/train_tokens.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/checkpoint/tensor_file.h"
#include "core/model/checkpoint/torch_file_writer.h"
#include "core/train/codec_network.h"
#include "core/train/random.h"
#include "core/train/token_network.h"

namespace vidmuse::train {
namespace {

constexpr char kCodes[] = "codes";
constexpr char kSource[] = "source";
constexpr double kMostNoise = 0.6;  // largest share of a clip's frames that are replaced

// Hash of the codec's weights.
std::string Fingerprint(const CodecModel& codec) {
  uint64_t hash = 0;
  for (const Parameters::Entry& entry : codec.parameters.entries()) {
    const at::Tensor values = entry.tensor.detach().to(at::kCPU, at::kFloat).contiguous();
    hash =
        hash * 31 + Fnv1a64({static_cast<const char*>(values.const_data_ptr()), values.nbytes()});
  }
  return absl::StrCat(absl::Hex(hash));
}

// The codes in the file at `path`. An undefined tensor if there are none, or if they were made from
// another source.
absl::StatusOr<at::Tensor> ReadCodes(const std::string& path, const std::string& source) {
  if (!std::filesystem::exists(path)) return at::Tensor();
  ASSIGN_OR_RETURN(const std::unique_ptr<TensorFile> file, TensorFile::OpenTorch(path));
  const auto found = file->tensors().find(kCodes);
  const auto text = file->strings().find(kSource);
  if (found == file->tensors().end() || text == file->strings().end() || text->second != source) {
    return at::Tensor();
  }
  const TensorView& view = found->second;
  if (view.dtype != DType::kInt16 || view.shape.size() != 3) return at::Tensor();
  at::Tensor codes = at::empty(view.shape, at::kShort);
  RETURN_IF_ERROR(
      file->ReadBytes(view, 0, codes.nbytes(), static_cast<char*>(codes.mutable_data_ptr())));
  return codes;
}

absl::Status WriteCodes(const std::string& path, const std::string& source,
                        const at::Tensor& codes) {
  ASSIGN_OR_RETURN(const std::unique_ptr<TorchFileWriter> writer, TorchFileWriter::Create(path));
  RETURN_IF_ERROR(writer->AddTensor(
      kCodes, TensorView{DType::kInt16, codes.sizes().vec(), codes.const_data_ptr()}));
  RETURN_IF_ERROR(writer->AddString(kSource, source));
  return writer->Finish();
}

absl::StatusOr<at::Tensor> Encode(const CodecModel& codec, ClipSource& clips) {
  c10::NoGradGuard no_grad;
  std::vector<at::Tensor> codes;
  for (int64_t clip = 0; clip < clips.size(); ++clip) {
    ASSIGN_OR_RETURN(std::vector<float> audio, clips.Audio(clip));
    const auto samples = static_cast<int64_t>(audio.size());
    const at::Tensor latents =
        EncodeAudio(codec.config, codec.parameters, at::from_blob(audio.data(), {1, samples}));
    codes.push_back(Quantize(codec.config, codec.parameters, latents).codes.to(at::kShort));
    if ((clip + 1) % 100 == 0 || clip + 1 == clips.size()) {
      std::fprintf(stderr, "tokens of %lld of %lld clips\n", static_cast<long long>(clip) + 1,
                   static_cast<long long>(clips.size()));
    }
  }
  return at::cat(codes);
}

// Draws `count` different numbers below `all`, sorted. Returns all of them if `count` is 0 or at
// least `all`.
std::vector<int> DrawPlaces(int all, int count, Random& random) {
  std::vector<int> places(all);
  std::iota(places.begin(), places.end(), 0);
  if (count <= 0 || count >= all) return places;
  for (int i = 0; i < count; ++i) std::swap(places[i], places[i + random.Index(all - i)]);
  places.resize(count);
  std::sort(places.begin(), places.end());
  return places;
}

struct Batch {
  at::Tensor codes;          // [batch][codebooks][frames] int64
  at::Tensor heard;          // codes with some frames replaced, same shape
  at::Tensor local, global;  // [batch][frames][3][224][224] uint8
  at::Tensor hidden;         // [batch][steps] bool
};

// Marks the steps of a clip that are hidden.
void DrawHidden(double part, const at::Tensor& hidden, Random& random) {
  if (random.Uniform() >= part) return;
  const double share = random.Uniform(0.3, 1.5);  // from 1 on, all steps are hidden
  bool* steps = hidden.mutable_data_ptr<bool>();
  for (int64_t i = 0; i < hidden.numel(); ++i) steps[i] = random.Uniform() < share;
}

// Sets the batch's codes, possibly only the beginning of the chosen clips, and what the model hears
// of them.
void DrawCodes(const TokenTrainingOptions& options, const at::Tensor& chosen, Random& random,
               Batch* batch) {
  int64_t frames = chosen.size(2);
  if (random.Uniform() < options.short_clips) frames /= random.Index(2) == 0 ? 2 : 4;
  batch->codes = chosen.narrow(2, 0, frames).contiguous();
  batch->heard = batch->codes.clone();
  const int64_t clips = chosen.size(0);
  for (int64_t i = 0; i < clips; ++i) {
    if (random.Uniform() >= options.noisy_history) continue;
    const double share = random.Uniform(0, kMostNoise);
    for (int64_t frame = 0; frame < frames; ++frame) {
      if (random.Uniform() >= share) continue;
      const int64_t other = random.Index(clips), moment = random.Index(frames);
      batch->heard[i].select(1, frame).copy_(batch->codes[other].select(1, moment));
    }
  }
}

absl::StatusOr<Batch> MakeBatch(const TokenTrainingOptions& options, const at::Tensor& codes,
                                ClipSource& clips, Random& random) {
  const int local = kLocalFrameRate * clips.seconds();
  const auto count = [](int wanted, int all) { return wanted <= 0 ? all : std::min(wanted, all); };
  const auto frames = [&](int each) {
    return at::zeros({options.batch, each, 3, kFrameSize, kFrameSize}, at::kByte);
  };
  Batch batch;
  batch.local = frames(count(options.local_frames, local));
  batch.global = frames(count(options.global_frames, kGlobalFrames));
  std::vector<int64_t> chosen;
  chosen.reserve(options.batch);
  for (int i = 0; i < options.batch; ++i) chosen.push_back(random.Index(clips.size()));
  DrawCodes(options, codes.index_select(0, at::tensor(chosen, at::kLong)).to(at::kLong), random,
            &batch);
  batch.hidden = at::zeros({options.batch, codes.size(1) + batch.codes.size(2) - 1}, at::kBool);
  for (int i = 0; i < options.batch; ++i) {
    const std::vector<int> local_places = DrawPlaces(local, options.local_frames, random);
    const std::vector<int> global_places = DrawPlaces(kGlobalFrames, options.global_frames, random);
    DrawHidden(options.hidden_history, batch.hidden[i], random);
    // The frames stay black: a black video is the null condition.
    if (random.Uniform() < options.null_condition) continue;
    RETURN_IF_ERROR(
        clips.LocalFrames(chosen[i], local_places, batch.local[i].mutable_data_ptr<uint8_t>()));
    RETURN_IF_ERROR(
        clips.GlobalFrames(chosen[i], global_places, batch.global[i].mutable_data_ptr<uint8_t>()));
  }
  return batch;
}

absl::Status MakeStep(const LmConfig& config, const TokenTrainingOptions& options,
                      const at::Tensor& codes, ClipSource& clips, TrainingRun& run) {
  Random random(options.seed, "token step", run.step());
  ASSIGN_OR_RETURN(const Batch batch, MakeBatch(options, codes, clips, random));
  const at::Device device = run.options().device;
  at::Tensor loss;
  {
    MixedPrecision mixed(device, run.options().mixed_precision);
    const at::Tensor condition =
        Condition(config, run.parameters(), batch.local.to(device), batch.global.to(device));
    loss = TokenLoss(config, run.parameters(), batch.codes.to(device), condition,
                     batch.hidden.to(device), batch.heard.to(device));
  }
  return run.Step(loss, {});
}

}  // namespace

absl::StatusOr<at::Tensor> EncodeClips(const CodecModel& codec, ClipSource& clips,
                                       const std::string& path) {
  at::Tensor codes;
  RETURN_IF_ERROR(CatchTorch([&]() -> absl::Status {
    const std::string source = absl::StrCat(clips.description(), ", codec ", Fingerprint(codec));
    ASSIGN_OR_RETURN(codes, ReadCodes(path, source));
    if (codes.defined()) return absl::OkStatus();
    ASSIGN_OR_RETURN(codes, Encode(codec, clips));
    return WriteCodes(path, source, codes);
  }));
  return codes;
}

absl::Status TrainTokens(const LmConfig& config, const TokenTrainingOptions& options,
                         const at::Tensor& codes, ClipSource& clips, TrainingRun& run) {
  while (!run.done()) {
    RETURN_IF_ERROR(CatchTorch([&] { return MakeStep(config, options, codes, clips, run); }));
  }
  return absl::OkStatus();
}

}  // namespace vidmuse::train
