// Frames decoded group by group against the same frames decoded packet after packet.
#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/video/ffmpeg_util.h"
#include "core/video/frame_groups.h"
#include "core/video/packet_index.h"
#include "core/video/sampled_frames.h"
#include "core/video/video_sampling.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/video/test_videos.h"

namespace vidmuse {
namespace {

constexpr char kSource[] =
    "-f lavfi -i testsrc2=size=160x128:rate=25:duration=6,noise=alls=8:allf=t ";

// What both ways of decoding make of a file.
struct Both {
  size_t groups = 0;
  bool agree = false;
  bool refused = false;
  bool separately = false;  // decoding by groups was sure of its result
};

Both DecodeBoth(const std::string& file, Alignment alignment = Alignment::kReference) {
  InitFfmpeg();
  FramePart part;
  part.alignment = alignment;
  const Limits limits;
  const CancelFlag never;
  Both both;
  const auto sampling = VideoSampling::Read(file, limits, 0, part, never);
  if (!sampling.ok()) {
    both.agree = both.refused = true;
    return both;
  }
  both.groups = (*sampling)->groups().size();
  std::vector<std::vector<uint8_t>> pixels((*sampling)->frames().wanted.size());
  if (both.groups > 0) {
    // Every third group alone, so that each is reached by a jump; then the ones between.
    both.separately = true;
    for (size_t first = 0; first < 3 && both.separately; ++first) {
      auto decoder = (*sampling)->NewGroupDecoder();
      both.separately = decoder.ok();
      for (size_t group = first; group < both.groups && both.separately; group += 3) {
        const auto sure = (*decoder)->Decode(group, [&](int position, std::vector<uint8_t> frame) {
          EXPECT_TRUE(pixels.at(static_cast<size_t>(position)).empty());
          pixels[static_cast<size_t>(position)] = std::move(frame);
        });
        both.separately = sure.ok() && *sure;
      }
    }
  }
  const auto in_order = (*sampling)->DecodeInOrder();
  const auto chosen = (*sampling)->Decode();
  both.refused = !in_order.ok();
  const auto same = [&](const VideoFrames& got) {
    return got.seconds == in_order->seconds && got.local == in_order->local &&
           got.global == in_order->global && got.frames == in_order->frames;
  };
  if (both.refused) {
    both.agree = !both.separately && chosen.status() == in_order.status();
  } else {
    both.agree = chosen.ok() && same(*chosen);
    if (both.separately) {
      both.agree = both.agree && same(AssembleFrames((*sampling)->frames(), std::move(pixels)));
    }
  }
  return both;
}

struct Encoding {
  const char* name;  // of the file, with the container's ending
  const char* options;
  size_t least_groups;  // 0: must be decoded in order
};

const Encoding kEncodings[] = {
    {"closed.mp4", "-c:v libx264 -g 25 -bf 3", 6},
    {"pyramid.mkv", "-c:v libx264 -g 30 -bf 7 -b_strategy 0 -x264-params b-pyramid=normal", 5},
    {"strict.mp4", "-c:v libx264 -g 30 -bf 3 -b_strategy 0 -x264-params b-pyramid=strict", 5},
    {"plain.ts", "-c:v libx264 -g 25 -bf 0", 6},
    {"reordered.ts", "-c:v libx264 -g 25 -bf 3", 6},
    {"flash.flv", "-c:v libx264 -g 25 -bf 3", 6},
    {"fragmented.mp4", "-c:v libx264 -g 25 -movflags frag_keyframe+empty_moov", 6},
    {"in_band.mp4", "-c:v libx264 -g 25 -bsf:v dump_extra=freq=keyframe -tag:v avc3", 6},
    {"slices.mp4", "-c:v libx264 -g 25 -slices 4", 6},
    {"references.mp4", "-c:v libx264 -g 40 -bf 4 -refs 8 -preset slow", 4},
    {"ten_bits.mp4", "-c:v libx264 -g 25 -pix_fmt yuv420p10le", 6},
    {"full_chroma.mp4", "-c:v libx264 -g 25 -pix_fmt yuv444p", 6},
    {"interlaced.mp4", "-c:v libx264 -g 26 -x264-params interlaced=1", 0},
    {"one_group.mp4", "-c:v libx264 -g 1000 -sc_threshold 0", 1},
    // Key frames across which pictures refer back.
    {"open.mp4", "-c:v libx264 -g 25 -bf 3 -x264-params open-gop=1", 1},
    {"open.ts", "-c:v libx264 -g 25 -bf 3 -x264-params open-gop=1", 1},
    // No key frames but the first.
    {"refresh.mp4", "-c:v libx264 -g 25 -x264-params intra-refresh=1", 1},
    {"hevc.mp4", "-c:v libx265 -x265-params log-level=none:keyint=25:open-gop=0", 6},
    {"hevc_open.mp4", "-c:v libx265 -x265-params log-level=none:keyint=25:open-gop=1", 6},
    {"hevc_open.mkv",
     "-c:v libx265 -x265-params log-level=none:keyint=24:open-gop=1:bframes=8:b-adapt=0", 6},
    {"hevc_open.ts", "-c:v libx265 -x265-params log-level=none:keyint=25:open-gop=1", 6},
    {"hevc_radl.mp4",
     "-c:v libx265 -x265-params log-level=none:keyint=25:open-gop=0:radl=2:bframes=4", 6},
    {"hevc_layers.mp4",
     "-c:v libx265 -x265-params log-level=none:keyint=25:temporal-layers=1:bframes=7:b-adapt=0", 6},
    {"hevc_ten_bits.mp4", "-c:v libx265 -pix_fmt yuv420p10le -x265-params log-level=none:keyint=25",
     6},
    {"hevc_refresh.mp4", "-c:v libx265 -x265-params log-level=none:keyint=25:intra-refresh=1", 1},
    {"mpeg2.ts", "-c:v mpeg2video -g 12 -bf 2", 0},
    {"mpeg4.avi", "-c:v mpeg4 -g 12 -bf 2", 0},
    {"vp9.webm", "-c:v libvpx-vp9 -g 25 -cpu-used 8 -deadline realtime", 6},
    {"vp9_hidden.mkv", "-c:v libvpx-vp9 -g 25 -cpu-used 4 -auto-alt-ref 1 -lag-in-frames 16", 6},
    {"vp9_ten_bits.mp4",
     "-c:v libvpx-vp9 -g 25 -pix_fmt yuv420p10le -cpu-used 8 -deadline realtime", 6},
    {"av1.mp4", "-c:v libaom-av1 -g 25 -cpu-used 8", 0},
};

// Encoded once for all tests.
const std::string& Encoded(const Encoding& encoding) {
  static std::map<std::string, std::string> files;
  std::string& file = files[encoding.name];
  if (file.empty()) file = Ffmpeg(absl::StrCat(kSource, encoding.options), encoding.name);
  return file;
}

class GroupsOf : public ::testing::TestWithParam<Encoding> {};

TEST_P(GroupsOf, GiveTheSameFrames) {
  const Encoding& encoding = GetParam();
  for (const Alignment alignment : {Alignment::kReference, Alignment::kTime}) {
    const Both both = DecodeBoth(Encoded(encoding), alignment);
    EXPECT_FALSE(both.refused);
    EXPECT_TRUE(both.agree);
    EXPECT_GE(both.groups, encoding.least_groups);
    EXPECT_EQ(both.separately, encoding.least_groups > 0);
  }
}

// Whatever is damaged, decoding by groups is either unsure or right.
TEST_P(GroupsOf, OfADamagedFileGiveTheSameFrames) {
  const Encoding& encoding = GetParam();
  const std::string& file = Encoded(encoding);
  if (encoding.least_groups == 0) GTEST_SKIP() << "not decoded by groups";
  constexpr int kRounds = 12;
  std::mt19937 random(3);
  int separately = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::string damaged = file;
    const size_t at = random() % file.size();
    const size_t bytes = size_t{1} << (round % 12);
    switch (round % 3) {
      case 0:
        damaged[at] ^= static_cast<char>(1 << (random() % 8));
        break;
      case 1:
        for (size_t i = at; i < std::min(at + bytes, file.size()); ++i) {
          damaged[i] = static_cast<char>(random());
        }
        break;
      default:
        damaged.erase(at, bytes);
    }
    const Both both = DecodeBoth(damaged);
    EXPECT_TRUE(both.agree) << "round " << round << ", " << bytes << " bytes at " << at;
    separately += both.separately;
  }
  std::printf("%s: %d of %d damaged files were decoded by groups\n", encoding.name, separately,
              kRounds);
}

INSTANTIATE_TEST_SUITE_P(Encodings, GroupsOf, ::testing::ValuesIn(kEncodings),
                         [](const auto& info) {
                           std::string name = info.param.name;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

// 100 packets that are stored in the order of their times, each tenth of which starts a group.
PacketIndex TenGroups(bool forgets) {
  PacketIndex index;
  index.separable = true;
  for (int64_t i = 0; i < 100; ++i) {
    StoredPacket packet = {i, /*shown=*/true, {}};
    packet.traits.starts_group = i % 10 == 0;
    packet.traits.forgets = i == 0 || (packet.traits.starts_group && forgets);
    index.stored.push_back(packet);
    index.pts.push_back(i);
  }
  index.frames = index.packets = 100;
  return index;
}

TEST(GroupFrames, LeavesOutWhatNoFrameNeeds) {
  const auto groups = GroupFrames(TenGroups(true), {3, 5, 57, 90});
  ASSERT_EQ(groups.size(), 3u);
  EXPECT_EQ(groups[0].begin, 0);
  EXPECT_EQ(groups[0].last, 5);
  EXPECT_EQ(groups[0].end, 10);
  EXPECT_THAT(groups[0].frames, ::testing::ElementsAre(0, 1));
  EXPECT_EQ(groups[1].begin, 50);
  EXPECT_EQ(groups[1].last, 57);
  EXPECT_THAT(groups[1].frames, ::testing::ElementsAre(2));
  EXPECT_EQ(groups[2].begin, 90);
  EXPECT_EQ(groups[2].last, 90);
  EXPECT_THAT(groups[2].frames, ::testing::ElementsAre(3));
}

// Damage before a group that doesn't forget could reach it, so all packets up to it are decoded.
TEST(GroupFrames, DecodesUpToAGroupThatDoesNotForget) {
  PacketIndex index = TenGroups(false);
  index.stored[21].traits.leading = true;
  const auto groups = GroupFrames(index, {3, 21, 34});
  ASSERT_EQ(groups.size(), 4u);
  EXPECT_THAT(groups[0].frames, ::testing::ElementsAre(0));
  EXPECT_EQ(groups[0].followed, 10);
  // The leading picture refers to the group before.
  EXPECT_THAT(groups[1].frames, ::testing::ElementsAre(1));
  EXPECT_EQ(groups[1].last, 22);
  EXPECT_THAT(groups[2].frames, ::testing::IsEmpty());
  EXPECT_EQ(groups[2].followed, 30);
  EXPECT_THAT(groups[3].frames, ::testing::ElementsAre(2));
  EXPECT_EQ(groups[3].last, 34);
  EXPECT_EQ(groups[3].followed, std::nullopt);
}

TEST(GroupFrames, NoGroupsIfTheOrderMatters) {
  PacketIndex index = TenGroups(true);
  index.separable = false;
  EXPECT_THAT(GroupFrames(index, {3}), ::testing::IsEmpty());
  index = TenGroups(true);
  index.stored[0].traits.starts_group = false;
  EXPECT_THAT(GroupFrames(index, {3}), ::testing::IsEmpty());
}

}  // namespace
}  // namespace vidmuse
