// Small videos whose frames tell their number, made with the ffmpeg program.
#ifndef VIDMUSE_TESTS_UNIT_VIDEO_TEST_VIDEOS_H_
#define VIDMUSE_TESTS_UNIT_VIDEO_TEST_VIDEOS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/model/architecture/video_frames.h"

namespace vidmuse {

// Runs `ffmpeg <arguments> <output file named name>` in a folder of this process's own and returns
// the output file's bytes.
// "{dir}" in the arguments is that folder. Fails the test if ffmpeg does.
std::string Ffmpeg(const std::string& arguments, const std::string& name);

// An ffmpeg input of `frames` (at most 43) frames: frame n is one grey, 16 + 5 n of luma.
std::string NumberedInput(int frames = 40, int rate = 10, const std::string& size = "64x48");

// The number of a frame of a NumberedInput, and of all that `indices` name.
int FrameNumber(const std::vector<uint8_t>& frame);
std::vector<int> FrameNumbers(const VideoFrames& video, const std::vector<int>& indices);

// One channel's value at a place of a frame, 0 <= x, y < 224.
int Pixel(const std::vector<uint8_t>& frame, int channel, int x, int y);

// The numbers of the 32 global frames of a whole video.
std::vector<int> SpreadNumbers(int frames);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_UNIT_VIDEO_TEST_VIDEOS_H_
