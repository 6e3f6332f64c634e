// The stages of a request.
#ifndef VIDMUSE_GENERATOR_STAGE_H_
#define VIDMUSE_GENERATOR_STAGE_H_

namespace vidmuse {

// A request goes through these stages in this order, and it may end in any of them. If it came with
// all tokens of its song (see ResumePoint), it goes from kDecode straight to kDeliver. A stage
// includes the wait for the threads that do its work.
enum class Stage {
  kUpload,    // from the request's admission until its client has sent the whole video
  kDecode,    // video file to frames
  kEncode,    // frames to condition
  kQueue,     // waits for a place in the batch
  kGenerate,  // is in the batch: tokens are made
  kDeliver,   // all tokens are made; the reader takes the rest of the audio
  kEnded,     // the reader has taken all events or they are queued for it, or the request failed
};

inline const char* NameOf(Stage stage) {
  constexpr const char* kNames[] = {"upload",   "decode",  "encode", "queue",
                                    "generate", "deliver", "ended"};
  return kNames[static_cast<int>(stage)];
}

}  // namespace vidmuse

#endif  // VIDMUSE_GENERATOR_STAGE_H_
