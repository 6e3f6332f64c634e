#include "core/generator/request_memory.h"

#include <algorithm>

#include "core/engine/window_plan.h"
#include "core/model/architecture/video_frames.h"
#include "core/video/sound_decoder.h"

namespace vidmuse {
namespace {

constexpr uint64_t kFrameBytes = uint64_t{3} * kFrameSize * kFrameSize;
// Caps the declared length, which has not been checked against the limits yet.
constexpr double kMostSeconds = 1e6;

// Of a prompt's samples at the model's rate.
uint64_t MostPromptBytes(const ModelInfo& model) {
  return static_cast<uint64_t>(kMostSoundSeconds * model.sample_rate) * sizeof(float);
}

}  // namespace

uint64_t RequestMemory::total() const { return std::max(frames, condition) + song; }

MemoryUse RequestMemory::largest() const {
  const uint64_t most = std::max({frames, condition, song});
  return most == song ? MemoryUse::kSong
                      : (most == frames ? MemoryUse::kFrames : MemoryUse::kCondition);
}

uint64_t SongBytes(const ModelInfo& model, int64_t frames, LoudnessMode loudness) {
  // The scheduler keeps a copy of the tokens while it makes more.
  const uint64_t token_bytes = sizeof(uint16_t) + sizeof(int32_t);
  uint64_t frame_bytes = model.codebooks * token_bytes;
  if (loudness == LoudnessMode::kReference) frame_bytes += model.samples_per_frame * sizeof(float);
  return static_cast<uint64_t>(frames) * frame_bytes;
}

RequestMemory MostMemory(const MusicModel& model, int seconds, LoudnessMode loudness) {
  const int local_frames = kLocalFrameRate * seconds;
  RequestMemory memory;
  memory.frames = static_cast<uint64_t>(local_frames + kGlobalFrames) * kFrameBytes;
  memory.condition = model.ConditionBytes(local_frames);
  memory.song = SongBytes(model.info(), int64_t{kFrameRate} * seconds, loudness);
  return memory;
}

uint64_t PromisedMemory(const MusicModel& model, const GenerationRequest& request, MemoryUse* use) {
  *use = MemoryUse::kUpload;
  uint64_t bytes = request.declared_bytes.value_or(0);
  if (request.resume) bytes += request.resume->tokens.size() * sizeof(uint16_t);
  bytes += request.prompt_audio.size();
  if (!request.declared_seconds) return bytes;
  double seconds = std::min(*request.declared_seconds, kMostSeconds);
  if (!(seconds >= 1)) seconds = 1;  // NaN too
  if (request.max_seconds > 0) seconds = std::min(seconds, request.max_seconds);
  RequestMemory memory = MostMemory(model, static_cast<int>(seconds), request.loudness);
  if (!request.prompt_audio.empty()) memory.song += MostPromptBytes(model.info());
  if (memory.total() <= bytes) return bytes;
  *use = memory.largest();
  return memory.total();
}

}  // namespace vidmuse
