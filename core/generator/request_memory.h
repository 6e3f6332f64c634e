// What a request takes of the memory that admission counts.
#ifndef VIDMUSE_GENERATOR_REQUEST_MEMORY_H_
#define VIDMUSE_GENERATOR_REQUEST_MEMORY_H_

#include <cstdint>

#include "core/generator/admission.h"
#include "core/model/music_model.h"
#include "vidmuse/types.h"

namespace vidmuse {

// Bytes of a request once its video is decoded.
struct RequestMemory {
  uint64_t frames = 0;     // the video's, until the condition is made
  uint64_t condition = 0;  // until the last window is open
  // Until the end: the tokens, here and with the scheduler, and with LoudnessMode::kReference all
  // samples.
  uint64_t song = 0;

  // The condition takes the frames' place.
  uint64_t total() const;
  // What takes the most of it.
  MemoryUse largest() const;
};

// Of a song of `seconds` >= 1, none of whose frames is equal to another: no video takes more.
RequestMemory MostMemory(const MusicModel& model, int seconds, LoudnessMode loudness);

// Bytes of a song of `frames` token frames beside frames and condition.
uint64_t SongBytes(const ModelInfo& model, int64_t frames, LoudnessMode loudness);

// What a request that was let in never has to ask for again: all that it will take, as far as the
// client has said how large its video is. `use`: what takes the most of it.
uint64_t PromisedMemory(const MusicModel& model, const GenerationRequest& request, MemoryUse* use);

}  // namespace vidmuse

#endif  // VIDMUSE_GENERATOR_REQUEST_MEMORY_H_
