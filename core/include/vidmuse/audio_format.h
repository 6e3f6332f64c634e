// How the delivered music is encoded and how loud it is made.
#ifndef VIDMUSE_AUDIO_FORMAT_H_
#define VIDMUSE_AUDIO_FORMAT_H_

namespace vidmuse {

// PCM and WAV are interleaved samples, the other formats are encoded packets.
enum class AudioFormat { kWav, kPcmS16le, kPcmF32le, kFlac, kMp3, kOggVorbis };

enum class LoudnessMode {
  // The whole song is brought to -16 LUFS, then passed through tanh, as the published code writes
  // it. No audio leaves before the last token.
  kReference,
  // A gain with a bounded look-ahead towards -16 LUFS and a limiter, applied while audio is made.
  kStreaming,
  kNone,  // The codec's samples are left as they are.
};

}  // namespace vidmuse

#endif  // VIDMUSE_AUDIO_FORMAT_H_
