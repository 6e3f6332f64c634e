// Where a request stands.
#ifndef VIDMUSE_GENERATOR_STAGE_H_
#define VIDMUSE_GENERATOR_STAGE_H_

namespace vidmuse {

// A request goes through them in this order. It may skip some, and it may end in each. The wait for
// a stage's threads is part of the stage.
enum class Stage {
  kUpload,
  kDecode,    // the video's file to frames
  kEncode,    // frames to condition
  kQueue,     // waits for a place in the batch
  kGenerate,  // has its place: tokens are made
  kDeliver,   // all tokens are made; the reader takes the rest of the audio
  kEnded,     // all events are with the reader or wait for it, or the request has failed
};

inline const char* NameOf(Stage stage) {
  constexpr const char* kNames[] = {"upload",   "decode",  "encode", "queue",
                                    "generate", "deliver", "ended"};
  return kNames[static_cast<int>(stage)];
}

}  // namespace vidmuse

#endif  // VIDMUSE_GENERATOR_STAGE_H_
