// A song to be made by the engine, and whom the engine tells about it.
//
// One name for one thing, in core/engine and core/generator:
//   request  what a client asks for; a Job takes it from its upload to its last event
//   song     the music of one request; the engine makes its tokens, the job its audio
//   stream   the events of a request, on their way to its reader
//   window   up to 30 s of a song that share a KV cache and a part of the condition
//   step     one call of MusicModel::Step, which feeds tokens of every song in the batch
#ifndef VIDMUSE_ENGINE_SONG_H_
#define VIDMUSE_ENGINE_SONG_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/base/cancel.h"
#include "core/engine/condition_source.h"
#include "core/engine/playback.h"
#include "core/engine/window_plan.h"
#include "core/model/music_model.h"
#include "vidmuse/sampling_options.h"

namespace vidmuse {

// Names a song in its engine, from 1 on. No two songs of an engine have the same one.
using SongId = uint64_t;

// What a song cost the device.
struct SongTimes {
  absl::Duration opening;  // spent opening its windows
  absl::Duration steps;    // spent in steps that it was part of
};

// The device thread calls these methods, which must return at once without blocking. An exception
// from OnPlaced or OnFrames ends this song alone.
class SongListener {
 public:
  virtual ~SongListener() = default;

  // The song has a place in the batch from now on.
  virtual void OnPlaced() = 0;
  // `tokens`: [n][codebooks], complete frames of a variant from `first_frame` on. All variants get
  // the same frames, one after the other.
  virtual void OnFrames(int variant, int64_t first_frame, absl::Span<const int32_t> tokens) = 0;
  // The last call: the song is made (OK), has failed or was cancelled. Its windows and its
  // condition are freed by then, and the listener is after it, except that a window that is just
  // being opened keeps both until it is open. If OnEnded throws, it is called once more, with an
  // error.
  virtual void OnEnded(const absl::Status& status, const SongTimes& times) = 0;
};

// One of the songs that are made for a video together.
struct SongVariant {
  SamplingOptions sampling;
  std::vector<int32_t> known_tokens;  // [n][codebooks]: the first n frames of a resumed song
};

// Everything that the engine needs in order to make a song. Whoever adds it to the engine hands it
// over: the engine owns it then, changes nothing in it, and lets go of each part as soon as it
// doesn't need it any more.
struct Song {
  std::shared_ptr<SongListener> listener;  // let go of after OnEnded; null: the song has ended
  std::string client_key;  // clients with different keys take turns (see WaitingQueue)
  std::shared_ptr<ConditionSource> condition;  // let go of once the last window is open
  // At least one. They take every step together, so n, their known frames, is the same for all.
  std::vector<SongVariant> variants;
  std::vector<WindowSpec> windows;  // at least one
  // Tells what the listener hears. Null: nobody hears the song while it is made.
  std::shared_ptr<const Playback> playback;
  absl::Duration deadline = absl::InfiniteDuration();  // on Clock::Monotonic()
  CancelFlag cancel;                                   // any thread may set a copy of it

  int64_t total_frames() const { return windows.back().end_frame(); }
  int64_t known_frames(int codebooks) const {
    return static_cast<int64_t>(variants.front().known_tokens.size()) / codebooks;
  }
  // Of a step's rows, those that the song takes.
  int rows() const { return static_cast<int>(variants.size()); }
};

// Lets go of the song's condition, then calls OnEnded with `status`, and again with an error if
// that throws, and then lets go of the listener. Does nothing if the song has ended. Throws
// nothing.
void EndSong(Song& song, const absl::Status& status, const SongTimes& times = {});

}  // namespace vidmuse

#endif  // VIDMUSE_ENGINE_SONG_H_
