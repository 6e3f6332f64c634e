#include "core/model/conditioner/video_encoder.h"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

constexpr size_t kFrameBytes = size_t{3} * kFrameSize * kFrameSize;

using Frames = absl::Span<const std::vector<uint8_t>>;

absl::Status CheckSizes(Frames frames) {
  for (size_t i = 0; i < frames.size(); ++i) {
    if (frames[i].size() != kFrameBytes) {
      return absl::InvalidArgumentError(absl::StrCat("video frame ", i, " has ", frames[i].size(),
                                                     " bytes, expected ", kFrameBytes));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckIndices(const std::vector<int>& indices, Frames frames) {
  for (int index : indices) {
    if (index < 0 || index >= static_cast<int>(frames.size())) {
      return absl::InvalidArgumentError(
          absl::StrCat("video frame ", index, " is outside of ", frames.size(), " frames"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckFrames(const VideoFrames& video) {
  RETURN_IF_ERROR(CheckSizes(video.frames));
  if (video.local.empty()) return absl::InvalidArgumentError("a video needs a local frame");
  if (video.global.size() != kGlobalFrames) {
    return absl::InvalidArgumentError(absl::StrCat("a video has ", video.global.size(),
                                                   " global frames, expected ", kGlobalFrames));
  }
  RETURN_IF_ERROR(CheckIndices(video.local, video.frames));
  return CheckIndices(video.global, video.frames);
}

absl::Status OutOfMemoryFor(size_t local_frames) {
  return absl::ResourceExhaustedError(
      absl::StrCat("video encoder: out of memory for ", local_frames, " local frames"));
}

// Returns the distinct values in ascending order.
std::vector<int> Distinct(std::vector<int> values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  return values;
}

int Chunks(const std::vector<int>& frames) {
  return (static_cast<int>(frames.size()) + kChunkFrames - 1) / kChunkFrames;
}

absl::Span<const int> Chunk(const std::vector<int>& frames, int index) {
  return absl::MakeConstSpan(frames).subspan(size_t{kChunkFrames} * index, kChunkFrames);
}

// Memory for one chunk's results, one frame after another.
class ChunkBuffer {
 public:
  ChunkBuffer(size_t frames, size_t floats) : values_(frames * floats) {
    for (size_t i = 0; i < frames; ++i) pointers_[i] = values_.data() + i * floats;
    count_ = frames;
  }
  absl::Span<float* const> out() { return {pointers_.data(), count_}; }
  absl::Span<const float* const> in() const { return {pointers_.data(), count_}; }

 private:
  std::vector<float> values_;
  std::array<float*, kChunkFrames> pointers_{};
  size_t count_ = 0;
};

absl::Status Clip(const VideoNetworks& networks, Frames frames, absl::Span<const int> chunk,
                  ChunkBuffer* states) {
  std::array<const uint8_t*, kChunkFrames> pixels{};
  for (size_t i = 0; i < chunk.size(); ++i) pixels[i] = frames[chunk[i]].data();
  return networks.Clip({pixels.data(), chunk.size()}, states->out());
}

}  // namespace

size_t GlobalKeysValues::bytes() const {
  size_t floats = 0;
  for (const std::vector<float>& frame : distinct) floats += frame.size();
  return floats * sizeof(float);
}

VideoEncoder::VideoEncoder(std::unique_ptr<const VideoNetworks> networks, int dim, int threads)
    : networks_(std::move(networks)),
      pool_(std::make_unique<ChunkPool>("video-encoder", threads)),
      dim_(dim) {}

absl::StatusOr<std::unique_ptr<VideoEncoder>> VideoEncoder::Load(const LmConfig& config,
                                                                 WeightReader& weights, int threads,
                                                                 VideoPrecision precision) {
  ASSIGN_OR_RETURN(std::unique_ptr<const VideoNetworks> networks,
                   VideoNetworks::Load(config, weights, precision));
  return Create(std::move(networks), config.dim, threads);
}

absl::StatusOr<std::unique_ptr<VideoEncoder>> VideoEncoder::Create(
    std::unique_ptr<const VideoNetworks> networks, int dim, int threads) {
  std::unique_ptr<VideoEncoder> encoder =
      absl::WrapUnique(new VideoEncoder(std::move(networks), dim, std::max(1, threads)));
  VideoFrames black;
  black.frames.emplace_back(kFrameBytes, uint8_t{0});
  black.local = {0};
  black.global.assign(kGlobalFrames, 0);
  ASSIGN_OR_RETURN(encoder->null_condition_, encoder->Encode(black, CancelFlag()));
  return encoder;
}

absl::StatusOr<std::vector<float>> VideoEncoder::Encode(const VideoFrames& video,
                                                        const CancelFlag& cancel,
                                                        GlobalKeysValues* global) const try {
  RETURN_IF_ERROR(CheckFrames(video));
  States states(video.frames.size());
  ASSIGN_OR_RETURN(GlobalKeysValues keys_values, EncodeGlobal(video, cancel, &states));
  ASSIGN_OR_RETURN(const std::unique_ptr<const GlobalContext> context, MakeContext(keys_values));
  if (global != nullptr) *global = std::move(keys_values);
  std::vector<float> rows(video.local.size() * kTokensPerFrame * dim_);
  RETURN_IF_ERROR(EncodeLocal(video.frames, video.local, *context, states, cancel, rows.data()));
  return rows;
} catch (const std::bad_alloc&) {
  return OutOfMemoryFor(video.local.size());
}

absl::Status VideoEncoder::EncodeMore(const GlobalKeysValues& global, Frames frames,
                                      const std::vector<int>& local, const CancelFlag& cancel,
                                      float* rows) const try {
  RETURN_IF_ERROR(CheckSizes(frames));
  RETURN_IF_ERROR(CheckIndices(local, frames));
  ASSIGN_OR_RETURN(const std::unique_ptr<const GlobalContext> context, MakeContext(global));
  return EncodeLocal(frames, local, *context, States(frames.size()), cancel, rows);
} catch (const std::bad_alloc&) {
  return OutOfMemoryFor(local.size());
}

absl::StatusOr<std::unique_ptr<const GlobalContext>> VideoEncoder::MakeContext(
    const GlobalKeysValues& global) const {
  std::array<const float*, kGlobalFrames> all{};
  for (int i = 0; i < kGlobalFrames; ++i) all[i] = global.distinct[global.frames[i]].data();
  return networks_->MakeContext(all);
}

absl::StatusOr<GlobalKeysValues> VideoEncoder::EncodeGlobal(const VideoFrames& video,
                                                            const CancelFlag& cancel,
                                                            States* states) const {
  const std::vector<int> global = Distinct(video.global);
  const std::vector<int> local = Distinct(video.local);
  GlobalKeysValues result;
  for (int frame : global) {
    result.distinct.emplace_back(networks_->key_value_floats());
    if (std::binary_search(local.begin(), local.end(), frame)) {
      (*states)[frame].resize(networks_->state_floats());
    }
  }
  for (int i = 0; i < kGlobalFrames; ++i) {
    const auto found = std::lower_bound(global.begin(), global.end(), video.global[i]);
    result.frames[i] = static_cast<int>(found - global.begin());
  }
  RETURN_IF_ERROR(pool_->Run(Chunks(global), cancel, [&](int index) -> absl::Status {
    const absl::Span<const int> chunk = Chunk(global, index);
    ChunkBuffer clip(chunk.size(), networks_->state_floats());
    RETURN_IF_ERROR(Clip(*networks_, video.frames, chunk, &clip));
    std::array<float*, kChunkFrames> out{};
    for (size_t i = 0; i < chunk.size(); ++i) {
      std::vector<float>& kept = (*states)[chunk[i]];
      std::copy_n(clip.in()[i], kept.size(), kept.begin());
      out[i] = result.distinct[size_t{kChunkFrames} * index + i].data();
    }
    return networks_->Global(clip.in(), {out.data(), chunk.size()});
  }));
  return result;
}

absl::Status VideoEncoder::EncodeLocal(Frames frames, const std::vector<int>& local,
                                       const GlobalContext& context, const States& states,
                                       const CancelFlag& cancel, float* rows) const {
  const size_t frame_rows = size_t{kTokensPerFrame} * dim_;
  // The indices in `local` at which each frame occurs.
  std::vector<std::vector<int>> places(frames.size());
  for (size_t i = 0; i < local.size(); ++i) places[local[i]].push_back(static_cast<int>(i));
  std::vector<int> seen, fresh;
  for (int frame : Distinct(local)) (states[frame].empty() ? fresh : seen).push_back(frame);

  const auto finish = [&](absl::Span<const int> chunk,
                          absl::Span<const float* const> clip) -> absl::Status {
    std::array<float*, kChunkFrames> out{};
    for (size_t i = 0; i < chunk.size(); ++i) out[i] = rows + frame_rows * places[chunk[i]][0];
    RETURN_IF_ERROR(networks_->Local(clip, context, {out.data(), chunk.size()}));
    for (size_t i = 0; i < chunk.size(); ++i) {
      for (int place : absl::MakeConstSpan(places[chunk[i]]).subspan(1)) {
        std::copy_n(out[i], frame_rows, rows + frame_rows * place);
      }
    }
    return absl::OkStatus();
  };
  const int fresh_chunks = Chunks(fresh);
  return pool_->Run(fresh_chunks + Chunks(seen), cancel, [&](int index) -> absl::Status {
    if (index >= fresh_chunks) {
      const absl::Span<const int> chunk = Chunk(seen, index - fresh_chunks);
      std::array<const float*, kChunkFrames> clip{};
      for (size_t i = 0; i < chunk.size(); ++i) clip[i] = states[chunk[i]].data();
      return finish(chunk, {clip.data(), chunk.size()});
    }
    const absl::Span<const int> chunk = Chunk(fresh, index);
    ChunkBuffer clip(chunk.size(), networks_->state_floats());
    RETURN_IF_ERROR(Clip(*networks_, frames, chunk, &clip));
    return finish(chunk, clip.in());
  });
}

}  // namespace vidmuse
