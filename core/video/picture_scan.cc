#include "core/video/picture_scan.h"

#include <algorithm>
#include <optional>

extern "C" {
#include <libavcodec/codec_id.h>
#include <libavcodec/codec_par.h>
#include <libavcodec/packet.h>
}

namespace vidmuse {
namespace {

// No stream has more parameter sets; with more, the stream is decoded in order.
constexpr size_t kMostParameterSets = 64;

// Numbers of the kinds of units in the standards.
constexpr int kH264Slice = 1;
constexpr int kH264Idr = 5;
constexpr int kH264Sei = 6;
constexpr int kH264Sps = 7;
constexpr int kH264Pps = 8;
constexpr int kH264Delimiter = 9;
constexpr int kH264Filler = 12;
constexpr int kHevcRaslN = 8;
constexpr int kHevcRaslR = 9;
constexpr int kHevcLastTrailing = 9;  // trailing and leading pictures
constexpr int kHevcFirstIrap = 16;
constexpr int kHevcIdrWithLeading = 19;
constexpr int kHevcCra = 21;
constexpr int kHevcVps = 32;
constexpr int kHevcPps = 34;
constexpr int kHevcDelimiter = 35;
constexpr int kHevcFiller = 38;
constexpr int kHevcSeiBefore = 39;
constexpr int kHevcSeiAfter = 40;

uint8_t Byte(absl::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }

size_t Number(absl::string_view bytes) {
  size_t number = 0;
  for (const char byte : bytes) number = number << 8 | static_cast<uint8_t>(byte);
  return number;
}

absl::string_view Bytes(const uint8_t* data, int size) {
  return {reinterpret_cast<const char*>(data), static_cast<size_t>(std::max(size, 0))};
}

// The unit without the zeros that may follow it.
absl::string_view WithoutPadding(absl::string_view unit) {
  while (!unit.empty() && unit.back() == '\0') unit.remove_suffix(1);
  return unit;
}

bool ChangesParameters(const AVPacket& packet) {
  for (int i = 0; i < packet.side_data_elems; ++i) {
    const AVPacketSideDataType type = packet.side_data[i].type;
    if (type == AV_PKT_DATA_NEW_EXTRADATA || type == AV_PKT_DATA_PARAM_CHANGE) return true;
  }
  return false;
}

}  // namespace

PictureScan::PictureScan(const AVCodecParameters& parameters)
    : hevc_(parameters.codec_id == AV_CODEC_ID_HEVC),
      vp9_(parameters.codec_id == AV_CODEC_ID_VP9),
      separable_(hevc_ || vp9_ || parameters.codec_id == AV_CODEC_ID_H264) {
  if (separable_ && !vp9_)
    separable_ = ReadHeader(Bytes(parameters.extradata, parameters.extradata_size));
}

bool PictureScan::ReadHeader(absl::string_view header) {
  if (header.empty()) return true;
  if (Byte(header, 0) == 1) return ReadLists(header);
  bool good = true;
  const bool units =
      ForEachUnit(header, [&](absl::string_view unit) { good = AddKnown(unit) && good; });
  return units && good;
}

// H.264: a list of sequence sets, then one of picture sets. HEVC: any number of lists.
bool PictureScan::ReadLists(absl::string_view header) {
  size_t at = hevc_ ? 23 : 5;
  if (header.size() <= at) return false;
  length_bytes_ = (Byte(header, hevc_ ? 21 : 4) & 3) + 1;
  const size_t lists = hevc_ ? Byte(header, 22) : 2;
  for (size_t list = 0; list < lists; ++list) {
    const size_t list_header = hevc_ ? 3 : 1;
    if (header.size() - at < list_header) return false;
    size_t sets = hevc_ ? Number(header.substr(at + 1, 2)) : Byte(header, at);
    if (!hevc_ && list == 0) sets &= 31;
    at += list_header;
    for (; sets > 0; --sets) {
      if (header.size() - at < 2) return false;
      const size_t size = Number(header.substr(at, 2));
      if (header.size() - at - 2 < size) return false;
      if (!AddKnown(header.substr(at + 2, size))) return false;
      at += 2 + size;
    }
  }
  return true;
}

template <typename Take>
bool PictureScan::ForEachUnit(absl::string_view bytes, const Take& take) const {
  const auto prefix = static_cast<size_t>(length_bytes_);
  if (prefix > 0) {
    while (!bytes.empty()) {
      if (bytes.size() < prefix) return false;
      const size_t size = Number(bytes.substr(0, prefix));
      bytes.remove_prefix(prefix);
      if (size == 0 || size > bytes.size()) return false;
      take(bytes.substr(0, size));
      bytes.remove_prefix(size);
    }
    return true;
  }
  constexpr absl::string_view kStart("\0\0\1", 3);
  size_t start = bytes.find(kStart);
  if (start == absl::string_view::npos || !WithoutPadding(bytes.substr(0, start)).empty())
    return false;
  while (start != absl::string_view::npos) {
    const size_t next = bytes.find(kStart, start + kStart.size());
    const absl::string_view unit =
        WithoutPadding(bytes.substr(start + kStart.size(), next - start - kStart.size()));
    if (unit.empty()) return false;
    take(unit);
    start = next;
  }
  return true;
}

bool PictureScan::AddKnown(absl::string_view unit) {
  unit = WithoutPadding(unit);
  if (ReadUnit(unit).kind != UnitKind::kParameters || IsKnown(unit)) return true;
  const int slot = ParameterSlot(unit);
  if (slot < 0 || known_.size() == kMostParameterSets) return false;
  for (const std::string& other : known_) {
    if (ParameterSlot(other) == slot) return false;
  }
  known_.emplace_back(unit);
  return true;
}

int PictureScan::ParameterSlot(absl::string_view parameters) const {
  constexpr int kMostIds = 256;
  const int type = hevc_ ? Byte(parameters, 0) >> 1 & 63 : Byte(parameters, 0) & 31;
  if (hevc_ && type != kHevcPps) return type * kMostIds;  // as if all had the same id
  // The id is an Exp-Golomb number.
  const size_t at = hevc_ ? 2 : type == kH264Sps ? 4 : 1;
  if (parameters.size() < at + 3) return -1;
  const size_t bits = Number(parameters.substr(at, 3));
  int zeros = 0;
  while (zeros < 8 && (bits >> (23 - zeros) & 1) == 0) ++zeros;
  const auto id = static_cast<int>(bits >> (23 - 2 * zeros)) - 1;
  return zeros == 8 ? -1 : type * kMostIds + id;
}

bool PictureScan::IsKnown(absl::string_view parameters) const {
  return std::find(known_.begin(), known_.end(), WithoutPadding(parameters)) != known_.end();
}

PictureScan::Unit PictureScan::ReadUnit(absl::string_view unit) const {
  return hevc_ ? ReadHevc(unit) : ReadH264(unit);
}

PictureScan::Unit PictureScan::ReadH264(absl::string_view unit) const {
  Unit result;
  if (unit.size() < 2) return {UnitKind::kUnknown, {}};
  const int type = Byte(unit, 0) & 31;
  if (type == kH264Slice || type == kH264Idr) {
    result.kind = UnitKind::kPicture;
    result.traits.starts_group = result.traits.forgets = type == kH264Idr;
    result.traits.unreferenced = (Byte(unit, 0) >> 5 & 3) == 0;
  } else if (type == kH264Sps || type == kH264Pps) {
    result.kind = UnitKind::kParameters;
  } else if (type != kH264Sei && type != kH264Delimiter && type != kH264Filler) {
    result.kind = UnitKind::kUnknown;
  }
  return result;
}

PictureScan::Unit PictureScan::ReadHevc(absl::string_view unit) const {
  Unit result;
  if (unit.size() < 3) return {UnitKind::kUnknown, {}};
  const int type = Byte(unit, 0) >> 1 & 63;
  const int scalable_layer = (Byte(unit, 0) & 1) << 5 | Byte(unit, 1) >> 3;
  if (scalable_layer != 0) return result;  // the decoder ignores it
  if (type <= kHevcLastTrailing) {
    result.kind = UnitKind::kPicture;
    result.traits.leading = type == kHevcRaslN || type == kHevcRaslR;
    result.traits.unreferenced = type % 2 == 0;
    result.traits.layer = static_cast<uint8_t>((Byte(unit, 1) & 7) - 1);
  } else if (type >= kHevcFirstIrap && type <= kHevcCra) {
    // The second bit of the slice header tells the decoder to throw away what it hasn't shown yet.
    const bool throws_away = (Byte(unit, 2) & 0x40) != 0;
    const bool known = type >= kHevcIdrWithLeading && !throws_away;
    result.kind = known ? UnitKind::kPicture : UnitKind::kUnknown;
    result.traits.starts_group = true;
    result.traits.forgets = type != kHevcCra;
  } else if (type >= kHevcVps && type <= kHevcPps) {
    result.kind = UnitKind::kParameters;
  } else if (type != kHevcDelimiter && type != kHevcFiller && type != kHevcSeiBefore &&
             type != kHevcSeiAfter && type < 48) {
    result.kind = UnitKind::kUnknown;
  }
  return result;
}

PictureTraits PictureScan::Read(const AVPacket& packet) {
  if (!separable_) return {};
  if (vp9_) return ReadVp9(Bytes(packet.data, packet.size));
  const bool learns = first_ && known_.empty();
  first_ = false;
  std::optional<PictureTraits> traits;
  const auto take = [&](absl::string_view bytes) {
    if (learns && !AddKnown(bytes)) separable_ = false;
    const Unit unit = ReadUnit(bytes);
    if (unit.kind == UnitKind::kUnknown) separable_ = false;
    if (unit.kind == UnitKind::kParameters && !IsKnown(bytes)) separable_ = false;
    if (unit.kind != UnitKind::kPicture) return;
    if (!traits) {
      traits = unit.traits;
      return;
    }
    // All slices of a picture are alike, and so are both fields of one, but for a second field
    // that refers to the first.
    traits->starts_group = traits->starts_group && unit.traits.starts_group;
    traits->forgets = traits->forgets && unit.traits.forgets;
    traits->unreferenced = traits->unreferenced && unit.traits.unreferenced;
    traits->leading = traits->leading || unit.traits.leading;
    traits->layer = std::max(traits->layer, unit.traits.layer);
  };
  const bool read = ForEachUnit(Bytes(packet.data, packet.size), take);
  separable_ = separable_ && read && traits.has_value() && !ChangesParameters(packet);
  return traits.value_or(PictureTraits());
}

// A key frame sets all that later frames refer to: pictures, probabilities and segments.
PictureTraits PictureScan::ReadVp9(absl::string_view packet) {
  PictureTraits traits;
  const int header = packet.empty() ? 0 : Byte(packet, 0);
  separable_ = separable_ && header >> 6 == 2;
  // A profile of 3 is followed by a bit of its own.
  const int rest = (header >> 4 & 3) == 3 ? header >> 1 : header >> 2;
  const bool shows_another = (rest & 2) != 0;
  traits.starts_group = traits.forgets = !shows_another && (rest & 1) == 0;
  return traits;
}

}  // namespace vidmuse
