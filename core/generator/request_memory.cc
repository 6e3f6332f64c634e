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

uint64_t RequestMemory::total() const {
  return video + song + (parts ? frames + condition : std::max(frames, condition));
}

MemoryUse RequestMemory::largest() const {
  const uint64_t most = std::max({video, frames, condition, song});
  if (most == song) return MemoryUse::kSong;
  if (most == frames) return MemoryUse::kFrames;
  return most == condition ? MemoryUse::kCondition : MemoryUse::kVideo;
}

int LocalFramesNeeded(const std::vector<WindowSpec>& windows) {
  int needed = 0;
  for (const WindowSpec& window : windows) needed = std::max(needed, window.end_local());
  return needed;
}

uint64_t MostCondition(const MusicModel& model, int seconds,
                       const std::vector<WindowSpec>& windows) {
  const int all = kLocalFrameRate * seconds;
  const int first = std::min(all, kFirstPartFrames);
  int end = first, shared = 0;
  for (size_t i = 1; i < windows.size(); ++i) {
    shared = std::max(shared, end - windows[i].first_local);
    end = std::max(end, windows[i].end_local());
  }
  return model.ConditionBytes(first + shared) + (first < all ? model.ContinuationBytes() : 0);
}

uint64_t SongBytes(const ModelInfo& model, int64_t frames, LoudnessMode loudness, int variants) {
  // The scheduler keeps a copy of the tokens while it makes more.
  const uint64_t token_bytes = sizeof(uint16_t) + sizeof(int32_t);
  uint64_t frame_bytes = model.codebooks * token_bytes;
  if (loudness == LoudnessMode::kReference) frame_bytes += model.samples_per_frame * sizeof(float);
  return static_cast<uint64_t>(variants) * static_cast<uint64_t>(frames) * frame_bytes;
}

RequestMemory MostMemory(const MusicModel& model, int seconds, const GenerationRequest& request) {
  const std::vector<WindowSpec> windows =
      PlanWindows(seconds, OverlapFrames(request.window_overlap_seconds), request.alignment);
  const int first = std::min(kLocalFrameRate * seconds, kFirstPartFrames);
  RequestMemory memory;
  memory.parts = LocalFramesNeeded(windows) > first;
  if (memory.parts) memory.video = request.declared_bytes.value_or(0);
  memory.frames = static_cast<uint64_t>(first + kGlobalFrames) * kFrameBytes;
  memory.condition = MostCondition(model, seconds, windows);
  memory.song =
      SongBytes(model.info(), int64_t{kFrameRate} * seconds, request.loudness, request.variants);
  return memory;
}

uint64_t ResumeBytes(const ResumePoint& resume) {
  uint64_t bytes = 0;
  for (const ResumeVariant& variant : resume.variants) {
    bytes += variant.tokens.size() * sizeof(variant.tokens[0]);
  }
  return bytes;
}

uint64_t PromisedMemory(const MusicModel& model, const GenerationRequest& request, MemoryUse* use) {
  *use = MemoryUse::kUpload;
  uint64_t bytes = request.declared_bytes.value_or(0);
  if (request.resume) bytes += ResumeBytes(*request.resume);
  bytes += request.prompt_audio.size();
  if (!request.declared_seconds) return bytes;
  double seconds = std::min(*request.declared_seconds, kMostSeconds);
  if (!(seconds >= 1)) seconds = 1;  // NaN too
  if (request.max_seconds > 0) seconds = std::min(seconds, request.max_seconds);
  RequestMemory memory = MostMemory(model, static_cast<int>(seconds), request);
  if (!request.prompt_audio.empty()) memory.song += MostPromptBytes(model.info());
  if (memory.total() <= bytes) return bytes;
  *use = memory.largest();
  return memory.total();
}

}  // namespace vidmuse
