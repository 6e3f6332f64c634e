// How much of the memory that admission counts a request takes.
#ifndef VIDMUSE_GENERATOR_REQUEST_MEMORY_H_
#define VIDMUSE_GENERATOR_REQUEST_MEMORY_H_

#include <cstdint>

#include "core/generator/admission.h"
#include "core/model/music_model.h"
#include "vidmuse/audio_format.h"
#include "vidmuse/model_info.h"
#include "vidmuse/request.h"

namespace vidmuse {

// Bytes of a request once its video is decoded.
struct RequestMemory {
  uint64_t frames = 0;     // the video's frames, held until the condition is made
  uint64_t condition = 0;  // held until the last window is open
  // Held until the end: the tokens, in the job and in the scheduler, the prompt's samples, and all
  // samples with LoudnessMode::kReference.
  uint64_t song = 0;

  // The bytes held at most. The condition reuses the bytes reserved for the frames.
  uint64_t total() const;
  // Which of the three takes the most memory.
  MemoryUse largest() const;
};

// The most memory that a song of `seconds` >= 1 can take, with a video whose frames all differ.
RequestMemory MostMemory(const MusicModel& model, int seconds, LoudnessMode loudness);

// Bytes of a song of `frames` token frames, without the video's frames and the condition.
uint64_t SongBytes(const ModelInfo& model, int64_t frames, LoudnessMode loudness);

// Bytes to reserve at admission, so that the request never has to ask for them later: all that it
// will take, as far as its client has declared the size and length of its video. `use` is set to
// what takes the most.
uint64_t PromisedMemory(const MusicModel& model, const GenerationRequest& request, MemoryUse* use);

}  // namespace vidmuse

#endif  // VIDMUSE_GENERATOR_REQUEST_MEMORY_H_
