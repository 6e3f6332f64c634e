// How much of the memory that admission counts a request takes.
#ifndef VIDMUSE_GENERATOR_REQUEST_MEMORY_H_
#define VIDMUSE_GENERATOR_REQUEST_MEMORY_H_

#include <cstdint>
#include <vector>

#include "core/engine/window_plan.h"
#include "core/generator/admission.h"
#include "core/model/music_model.h"
#include "vidmuse/audio_format.h"
#include "vidmuse/model_info.h"
#include "vidmuse/request.h"

namespace vidmuse {

// Local frames that are read first, whatever the song's windows: those of the longest first window.
inline constexpr int kFirstPartFrames = kWindowLocalFrames;

// Bytes of a request once its first frames are decoded.
struct RequestMemory {
  // The file, or frames that were decoded too early, held until the last frames are read. Zero for
  // a video of a single part.
  uint64_t video = 0;
  uint64_t frames = 0;     // a part's frames, held until they are encoded
  uint64_t condition = 0;  // held until the last window is open
  // Held until the end: the tokens, in the job and in the scheduler, the prompt's samples, and all
  // samples with LoudnessMode::kReference.
  uint64_t song = 0;
  bool parts = false;  // more frames are read while the song is made

  // The bytes held at most. Without more parts, the condition reuses the bytes reserved for the
  // frames.
  uint64_t total() const;
  // Which takes the most memory.
  MemoryUse largest() const;
};

// One past the last local frame that any of the windows needs.
int LocalFramesNeeded(const std::vector<WindowSpec>& windows);

// The most that the condition takes at any time: what the next window shares with the one before is
// held twice for a moment.
uint64_t MostCondition(const MusicModel& model, int seconds,
                       const std::vector<WindowSpec>& windows);

// The most memory that a song of `seconds` >= 1 can take, with a video whose frames all differ and
// can be decoded part by part. Others take more, which is found out when their first frames are
// decoded.
RequestMemory MostMemory(const MusicModel& model, int seconds, const GenerationRequest& request);

// Bytes of `variants` songs of `frames` token frames, without the video's frames and the condition.
uint64_t SongBytes(const ModelInfo& model, int64_t frames, LoudnessMode loudness, int variants);

// Bytes of the tokens that the client has already.
uint64_t ResumeBytes(const ResumePoint& resume);

// Bytes to reserve at admission, so that the request never has to ask for them later: all that it
// will take, as far as its client has declared the size and length of its video. `use` is set to
// what takes the most.
uint64_t PromisedMemory(const MusicModel& model, const GenerationRequest& request, MemoryUse* use);

}  // namespace vidmuse

#endif  // VIDMUSE_GENERATOR_REQUEST_MEMORY_H_
