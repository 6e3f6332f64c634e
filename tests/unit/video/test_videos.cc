#include "tests/unit/video/test_videos.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"

namespace vidmuse {
namespace {

// Removed with the process.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "vidmuse_video_XXXXXX").string();
    const char* made = mkdtemp(pattern.data());
    if (made == nullptr) std::abort();
    path_ = made;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

std::string Ffmpeg(const std::string& arguments, const std::string& name) {
  static const TemporaryFolder folder;
  const std::string path = absl::StrCat(folder.path(), "/", name);
  const std::string command =
      absl::StrCat("ffmpeg -nostdin -hide_banner -loglevel error -y ",
                   absl::StrReplaceAll(arguments, {{"{dir}", folder.path()}}), " ", path);
  if (std::system(command.c_str()) != 0) {
    ADD_FAILURE() << "failed: " << command;
    return "";
  }
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string NumberedInput(int frames, int rate, const std::string& size) {
  return absl::StrCat("-f lavfi -i \"color=black:size=", size, ":rate=", rate,
                      ",format=yuv420p,geq=lum='16+5*N':cb=128:cr=128,trim=end_frame=", frames,
                      "\"");
}

int FrameNumber(const std::vector<uint8_t>& frame) {
  double sum = 0;
  for (const uint8_t value : frame) sum += value;
  const double luma = sum / static_cast<double>(frame.size()) * 219 / 255;
  return static_cast<int>(std::lround(luma / 5));
}

std::vector<int> FrameNumbers(const VideoFrames& video, const std::vector<int>& indices) {
  std::vector<int> numbers;
  for (const int i : indices) numbers.push_back(FrameNumber(video.frames.at(i)));
  return numbers;
}

int Pixel(const std::vector<uint8_t>& frame, int channel, int x, int y) {
  return frame.at((static_cast<size_t>(channel) * kFrameSize + y) * kFrameSize + x);
}

std::vector<int> SpreadNumbers(int frames) {
  std::vector<int> numbers;
  for (int i = 0; i < kGlobalFrames; ++i) numbers.push_back(i * (frames - 1) / 31);
  return numbers;
}

}  // namespace vidmuse
