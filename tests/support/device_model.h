// For tests: the model that GPUs run, with made-up weights, on the CPU or a GPU.
#ifndef VIDMUSE_TESTS_SUPPORT_DEVICE_MODEL_H_
#define VIDMUSE_TESTS_SUPPORT_DEVICE_MODEL_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/status_macros.h"
#include "core/model/gpu/load.h"
#include "core/model/synthetic/hash_model.h"
#include "tests/support/grey_video.h"
#include "vidmuse/model_info.h"
#include "vidmuse/sampling_options.h"

namespace vidmuse {

// A model's made-up weights. They can be loaded any number of times.
struct HashFiles {
  explicit HashFiles(const HashModelSizes& model_sizes)
      : sizes(model_sizes), lm(HashLmFile(sizes)), codec(HashCodecFile(sizes)) {}

  const HashModelSizes sizes;
  const std::unique_ptr<TensorFile> lm, codec;
};

inline absl::StatusOr<std::unique_ptr<GpuMusicModel>> LoadDeviceModel(const HashFiles& files,
                                                                      const std::string& device,
                                                                      GpuModelOptions options) {
  ASSIGN_OR_RETURN(const LmConfig lm_config, ParseLmConfig(files.lm->strings().at("xp.cfg")));
  ASSIGN_OR_RETURN(const CodecConfig codec_config,
                   ParseAudiocraftCodecConfig(files.codec->strings().at("xp.cfg")));
  WeightReader lm_weights(files.lm.get(), "best_state/");
  WeightReader codec_weights(files.codec.get(), "best_state/");
  ModelInfo info;
  info.name = "test";
  info.device = device;
  info.card = files.sizes.card;
  ASSIGN_OR_RETURN(GpuMusicModel::Parts parts,
                   LoadGpuModelParts(info, lm_config, lm_weights, codec_config,
                                     CodecNames::kAudiocraft, codec_weights, options));
  info.precision = DevicePrecisionName(options.precision);
  return GpuMusicModel::Create(std::move(info), std::move(parts), std::move(options.steps));
}

inline absl::StatusOr<std::unique_ptr<GpuMusicModel>> LoadDeviceModel(const HashModelSizes& sizes,
                                                                      const std::string& device,
                                                                      GpuModelOptions options) {
  return LoadDeviceModel(HashFiles(sizes), device, std::move(options));
}

// A running request with everything that it has fed and drawn.
struct DeviceSong {
  SamplingOptions sampling;
  std::unique_ptr<Window> window;
  std::vector<int32_t> fed, drawn;
  std::vector<float> logits;
};

// Runs one step for all songs. Each song feeds the tokens that it drew last.
inline absl::Status StepSongs(MusicModel& model, const std::vector<DeviceSong*>& songs) {
  const size_t codebooks = model.info().codebooks, size = codebooks * model.info().card;
  std::vector<StepRequest> requests;
  for (DeviceSong* song : songs) {
    if (song->fed.empty()) song->fed.assign(codebooks, model.info().card);
    song->drawn.resize(song->drawn.size() + codebooks);
    song->logits.resize(song->logits.size() + size);
    StepRequest request;
    request.window = song->window.get();
    request.tokens = absl::MakeConstSpan(song->fed).last(codebooks);
    request.sampling = &song->sampling;
    request.frame = song->window->length();
    request.next_tokens = song->drawn.data() + song->drawn.size() - codebooks;
    request.logits = song->logits.data() + song->logits.size() - size;
    requests.push_back(request);
  }
  RETURN_IF_ERROR(model.Step(absl::MakeSpan(requests)));
  for (DeviceSong* song : songs) {
    song->fed.insert(song->fed.end(), song->drawn.end() - codebooks, song->drawn.end());
  }
  return absl::OkStatus();
}

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_DEVICE_MODEL_H_
