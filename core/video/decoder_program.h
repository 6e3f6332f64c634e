// The program that decodes one file, isolated from everything else (see sandbox.h).
#ifndef VIDMUSE_VIDEO_DECODER_PROGRAM_H_
#define VIDMUSE_VIDEO_DECODER_PROGRAM_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/model/architecture/video_frames.h"
#include "core/video/growing_file.h"
#include "core/video/picture_order.h"
#include "core/video/sandbox_protocol.h"
#include "core/video/sound_decoder.h"
#include "core/video/video_sampling.h"
#include "vidmuse/limits.h"

namespace vidmuse {

// What the server asks of this process.
class DecodeTask {
 public:
  DecodeTask(GrowingFile& growing, const DecodeRequest& request, DecoderRole role,
             const FramePart& part, GroupClaims* claims, int number, absl::string_view order)
      : growing(growing),
        request(request),
        role(role),
        part(part),
        order(order),
        claims_(claims),
        number_(number) {}

  // Waits until the file is complete.
  absl::string_view file() const { return growing.WaitForAll(); }

  // Returns the number of a group that no other process decodes, or nothing if this one should end.
  std::optional<uint32_t> ClaimGroup() const;

  GrowingFile& growing;
  const DecodeRequest request;
  const DecoderRole role;
  const FramePart part;
  const absl::string_view order;  // packed, if role is kPictures

 private:
  GroupClaims* const claims_;  // null unless role is kGroups
  const int number_;
};

// Writes the answers of sandbox_protocol.h. Each call blocks until the server reads it.
class DecoderAnswers {
 public:
  void Begun();
  // The time limit holds from now on, for this process too, which has used `spent` of its processor
  // time on what doesn't count.
  void TimeLimit(absl::Duration limit, absl::Duration spent = absl::ZeroDuration());
  void Frame(int position, const std::vector<uint8_t>& pixels);
  void NoMoreGroups();
  void Unsure();
  // These answer with the frames of `part`, or with all frames if it is the first part.
  // Takes the frames of `sampling` that are decoded already.
  void Split(VideoSampling& sampling, const FramePart& part);
  void Frames(const VideoFrames& video, const FramePart& part = {});
  void Sound(const DecodedSound& sound);
  // [C][n], where n is at most kMostSoundPart.
  void SoundPart(int sample_rate, const std::vector<std::vector<float>>& channels);
  void SoundEnd();
  void Info(const PictureInfo& info);
  void NextPicture(const Picture& picture);
  void PicturesEnd();
};

// Answers, or returns why the video is refused.
using DecodeFunction = absl::Status (*)(const DecodeTask& task, DecoderAnswers& answers);

// Decodes a video or, for DecoderRole::kSound and kWholeSound, a sound, with FFmpeg. For kPictures
// it decodes pictures of a video.
absl::Status DecodeFile(const DecodeTask& task, DecoderAnswers& answers);

// The program's main(). Reads the request at kRequestFd, confines the process, calls `decode`, and
// ends the process.
[[noreturn]] void RunDecoderProgram(int argc, char** argv, DecodeFunction decode);

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_DECODER_PROGRAM_H_
