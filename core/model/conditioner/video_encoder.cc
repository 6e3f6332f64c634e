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

absl::Status CheckFrames(const VideoFrames& video) {
  for (size_t i = 0; i < video.frames.size(); ++i) {
    if (video.frames[i].size() != kFrameBytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          "video frame ", i, " has ", video.frames[i].size(), " bytes, expected ", kFrameBytes));
    }
  }
  if (video.local.empty()) return absl::InvalidArgumentError("a video needs a local frame");
  if (video.global.size() != kGlobalFrames) {
    return absl::InvalidArgumentError(absl::StrCat("a video has ", video.global.size(),
                                                   " global frames, expected ", kGlobalFrames));
  }
  for (const std::vector<int>* indices : {&video.local, &video.global}) {
    for (int index : *indices) {
      if (index < 0 || index >= static_cast<int>(video.frames.size())) {
        return absl::InvalidArgumentError(
            absl::StrCat("video frame ", index, " is outside of ", video.frames.size(), " frames"));
      }
    }
  }
  return absl::OkStatus();
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

absl::Status Clip(const VideoNetworks& networks, const VideoFrames& video,
                  absl::Span<const int> chunk, ChunkBuffer* states) {
  std::array<const uint8_t*, kChunkFrames> frames{};
  for (size_t i = 0; i < chunk.size(); ++i) frames[i] = video.frames[chunk[i]].data();
  return networks.Clip({frames.data(), chunk.size()}, states->out());
}

}  // namespace

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
                                                        const CancelFlag& cancel) const try {
  RETURN_IF_ERROR(CheckFrames(video));
  States states(video.frames.size());
  ASSIGN_OR_RETURN(const std::unique_ptr<const GlobalContext> context,
                   EncodeGlobal(video, cancel, &states));
  std::vector<float> rows(video.local.size() * kTokensPerFrame * dim_);
  RETURN_IF_ERROR(EncodeLocal(video, *context, states, cancel, rows.data()));
  return rows;
} catch (const std::bad_alloc&) {
  return absl::ResourceExhaustedError(
      absl::StrCat("video encoder: out of memory for ", video.local.size(), " local frames"));
}

absl::StatusOr<std::unique_ptr<const GlobalContext>> VideoEncoder::EncodeGlobal(
    const VideoFrames& video, const CancelFlag& cancel, States* states) const {
  const std::vector<int> global = Distinct(video.global);
  const std::vector<int> local = Distinct(video.local);
  States keys_values(video.frames.size());
  for (int frame : global) {
    keys_values[frame].resize(networks_->key_value_floats());
    if (std::binary_search(local.begin(), local.end(), frame)) {
      (*states)[frame].resize(networks_->state_floats());
    }
  }
  RETURN_IF_ERROR(pool_->Run(Chunks(global), cancel, [&](int index) -> absl::Status {
    const absl::Span<const int> chunk = Chunk(global, index);
    ChunkBuffer clip(chunk.size(), networks_->state_floats());
    RETURN_IF_ERROR(Clip(*networks_, video, chunk, &clip));
    std::array<float*, kChunkFrames> out{};
    for (size_t i = 0; i < chunk.size(); ++i) {
      std::vector<float>& kept = (*states)[chunk[i]];
      std::copy_n(clip.in()[i], kept.size(), kept.begin());
      out[i] = keys_values[chunk[i]].data();
    }
    return networks_->Global(clip.in(), {out.data(), chunk.size()});
  }));
  std::array<const float*, kGlobalFrames> all{};
  for (int i = 0; i < kGlobalFrames; ++i) all[i] = keys_values[video.global[i]].data();
  return networks_->MakeContext(all);
}

absl::Status VideoEncoder::EncodeLocal(const VideoFrames& video, const GlobalContext& context,
                                       const States& states, const CancelFlag& cancel,
                                       float* rows) const {
  const size_t frame_rows = size_t{kTokensPerFrame} * dim_;
  // The indices in `local` at which each frame occurs.
  std::vector<std::vector<int>> places(video.frames.size());
  for (size_t i = 0; i < video.local.size(); ++i) {
    places[video.local[i]].push_back(static_cast<int>(i));
  }
  std::vector<int> seen, fresh;
  for (int frame : Distinct(video.local)) (states[frame].empty() ? fresh : seen).push_back(frame);

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
    RETURN_IF_ERROR(Clip(*networks_, video, chunk, &clip));
    return finish(chunk, clip.in());
  });
}

}  // namespace vidmuse
