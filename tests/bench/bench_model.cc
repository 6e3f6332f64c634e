#include "tests/bench/bench_model.h"

#include <random>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/load_model.h"
#include "core/model/synthetic/hash_model.h"

namespace vidmuse {
absl::StatusOr<HashModelSizes> ScaleSizes(const std::string& scale) {
  HashModelSizes sizes;
  if (scale == "tiny") return sizes;
  sizes.hidden_scale = 4;
  sizes.card = sizes.codec_bins = 2048;
  sizes.clip_layers = 12;
  sizes.clip_mlp = 3072;
  sizes.codec_dimension = 128;
  sizes.codec_filters = 64;
  if (scale == "small") {
    sizes.dim = 1024, sizes.num_heads = 16, sizes.num_layers = 24;
  } else if (scale == "medium") {
    sizes.dim = 1536, sizes.num_heads = 24, sizes.num_layers = 48;
  } else if (scale == "large") {
    sizes.dim = 2048, sizes.num_heads = 32, sizes.num_layers = 48;
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("--scale=", scale, ", expected tiny, small, medium or large"));
  }
  return sizes;
}

namespace {

absl::StatusOr<std::unique_ptr<MusicModel>> Load(const BenchModel& source,
                                                 const ModelOptions& options,
                                                 double* load_seconds) {
  if (!source.model_dir.empty()) {
    const Stopwatch loading;
    auto model = LoadModel(options);
    *load_seconds = loading.Seconds();
    return model;
  }
  ASSIGN_OR_RETURN(const HashModelSizes sizes, ScaleSizes(source.scale));
  std::unique_ptr<TensorFile> lm = HashLmFile(sizes), codec = HashCodecFile(sizes);
  const Stopwatch loading;
  auto model = LoadModelFromFiles(std::move(lm), std::move(codec), options);
  *load_seconds = loading.Seconds();
  return model;
}

}  // namespace

absl::StatusOr<std::unique_ptr<CpuMusicModel>> MakeModel(const BenchModel& source,
                                                         const std::string& precision,
                                                         double* load_seconds) {
  ModelOptions options;
  options.model_dir = source.model_dir;
  options.name = source.model_dir.empty() ? source.scale : "";
  options.precision = precision;
  options.device = "cpu";
  options.device_threads = options.encode_threads = source.threads;
  ASSIGN_OR_RETURN(std::unique_ptr<MusicModel> model, Load(source, options, load_seconds));
  return absl::WrapUnique(static_cast<CpuMusicModel*>(model.release()));
}

VideoFrames RandomVideo(int seconds, int distinct) {
  std::mt19937_64 generator(1);
  VideoFrames video;
  video.seconds = seconds;
  const int local = kLocalFrameRate * seconds;
  for (int i = 0; i < local + kGlobalFrames; ++i) {
    std::vector<uint8_t> frame(3 * kFrameSize * kFrameSize);
    for (uint8_t& value : frame) value = static_cast<uint8_t>(generator());
    video.frames.push_back(std::move(frame));
    if (i < local) {
      video.local.push_back(distinct > 0 ? i % distinct : i);
    } else {
      video.global.push_back(i);
    }
  }
  return video;
}

absl::Status Step(MusicModel& model, absl::Span<Stream> streams, int count) {
  std::vector<StepRequest> requests(streams.size());
  std::vector<std::vector<int32_t>> fed(streams.size());
  for (size_t i = 0; i < streams.size(); ++i) {
    Stream& stream = streams[i];
    stream.tokens.resize(model.info().codebooks);
    for (int s = 0; s < count; ++s) {
      fed[i].insert(fed[i].end(), stream.tokens.begin(), stream.tokens.end());
    }
    requests[i].window = stream.window.get();
    requests[i].tokens = fed[i];
    requests[i].sampling = &stream.sampling;
    requests[i].frame = stream.window->length();
    requests[i].next_tokens = stream.tokens.data();
  }
  return model.Step(absl::MakeSpan(requests));
}

}  // namespace vidmuse
