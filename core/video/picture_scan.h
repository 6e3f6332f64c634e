// What can be told about a stored picture without decoding it.
#ifndef VIDMUSE_VIDEO_PICTURE_SCAN_H_
#define VIDMUSE_VIDEO_PICTURE_SCAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

struct AVCodecParameters;
struct AVPacket;

namespace vidmuse {

// How the pictures of one packet depend on others.
struct PictureTraits {
  // Decoding can start here: nothing that is stored later refers to anything stored before, except
  // for the pictures marked as `leading` that follow.
  bool starts_group = false;
  // For the start of a group: the decoder also forgets all it knows of pictures before.
  bool forgets = false;
  // Follows the start of a group in the file, but may refer to pictures stored before it.
  bool leading = false;
  // No picture of the same or a lower layer refers to this one.
  bool unreferenced = false;
  uint8_t layer = 0;  // temporal layer: pictures refer to their own layer and lower ones only
};

// Reads the packets of one H.264, HEVC or VP9 stream, in the order in which they are stored. Not
// thread-safe.
class PictureScan {
 public:
  explicit PictureScan(const AVCodecParameters& parameters);

  PictureTraits Read(const AVPacket& packet);

  // True if the stream can be decoded from each start of a group on with the same result as from
  // its beginning, as far as its packets tell: every packet was understood, all parameter sets in
  // the stream are the same, and nothing asks the decoder to throw pictures away.
  bool separable() const { return separable_; }

 private:
  // Kinds of units that H.264 and HEVC have in common.
  enum class UnitKind { kPicture, kParameters, kOther, kUnknown };
  struct Unit {
    UnitKind kind = UnitKind::kOther;
    PictureTraits traits;
  };

  PictureTraits ReadVp9(absl::string_view packet);
  Unit ReadUnit(absl::string_view unit) const;
  Unit ReadH264(absl::string_view unit) const;
  Unit ReadHevc(absl::string_view unit) const;
  // Calls `take` for each unit of `bytes`. Returns false if the bytes aren't all units.
  template <typename Take>
  bool ForEachUnit(absl::string_view bytes, const Take& take) const;
  // These return false if the stream can't be separated.
  bool ReadHeader(absl::string_view header);
  bool ReadLists(absl::string_view header);
  bool AddKnown(absl::string_view unit);

  // Tells sets apart that replace each other.
  int ParameterSlot(absl::string_view parameters) const;
  bool IsKnown(absl::string_view parameters) const;

  const bool hevc_;
  const bool vp9_;
  bool separable_ = false;
  int length_bytes_ = 0;            // of a unit's length; 0: units are separated by start codes
  std::vector<std::string> known_;  // parameter sets of the header, or of the first packet
  bool first_ = true;
};

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_PICTURE_SCAN_H_
