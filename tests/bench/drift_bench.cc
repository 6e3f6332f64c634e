// Measures how far the pictures that a song is made for are from those on screen, for both
// alignments. Makes its videos itself: each picture tells its number. Prints one JSON object.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/cancel.h"
#include "core/base/status_macros.h"
#include "core/base/version.h"
#include "core/video/frame_sampler.h"
#include "nlohmann/json.hpp"

ABSL_FLAG(std::string, folder, "/tmp/vidmuse_drift_bench", "where the videos are made");
ABSL_FLAG(std::vector<std::string>, rates,
          std::vector<std::string>({"24000/1001", "24", "25", "30000/1001", "30", "50", "15"}),
          "frames a second");
ABSL_FLAG(int, seconds, 660, "length of each video");
ABSL_FLAG(std::vector<std::string>, moments, std::vector<std::string>({"60", "600"}),
          "whole seconds of the music at which to look");

namespace vidmuse {
namespace {

using nlohmann::json;

constexpr int kBits = 16;  // of a picture's number: black and white stripes, the lowest bit first

absl::StatusOr<std::string> MakeVideo(const std::string& rate) {
  const std::string path = absl::StrCat(absl::GetFlag(FLAGS_folder), "/drift.mkv");
  const std::string command = absl::StrCat(
      "ffmpeg -nostdin -hide_banner -loglevel error -y -f lavfi -i \"nullsrc=size=", 2 * kBits,
      "x4:rate=", rate, ":duration=", absl::GetFlag(FLAGS_seconds),
      ",geq=lum='16+219*mod(floor(N/pow(2,floor(X/2))),2)':cb=128:cr=128,format=yuv420p\" -c:v "
      "ffv1 ",
      path);
  if (std::system(command.c_str()) != 0) return absl::InternalError("ffmpeg failed");
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

int64_t Number(const std::vector<uint8_t>& picture) {
  int64_t number = 0;
  for (int bit = 0; bit < kBits; ++bit) {
    const int x = (2 * bit + 1) * kFrameSize / (2 * kBits);
    const uint8_t red = picture[static_cast<size_t>(kFrameSize) * kFrameSize / 2 + x];
    if (red > 127) number |= int64_t{1} << bit;
  }
  return number;
}

absl::StatusOr<json> Measure(const std::string& text) {
  const std::vector<std::string> fraction = absl::StrSplit(text, '/');
  double numerator = 0, denominator = 1;
  if (!absl::SimpleAtod(fraction[0], &numerator) ||
      (fraction.size() > 1 && !absl::SimpleAtod(fraction[1], &denominator))) {
    return absl::InvalidArgumentError("--rates");
  }
  ASSIGN_OR_RETURN(const std::string file, MakeVideo(text));
  json result;
  for (const Alignment alignment : {Alignment::kReference, Alignment::kTime}) {
    FramePart all;
    all.alignment = alignment;
    Limits limits;
    limits.max_video_seconds = absl::GetFlag(FLAGS_seconds) + 1;
    const CancelFlag never;
    ASSIGN_OR_RETURN(const VideoFrames video, OpenVideo(file, limits, 0)->Read(all, never));
    json& row = result[alignment == Alignment::kTime ? "time" : "reference"];
    for (const std::string& moment : absl::GetFlag(FLAGS_moments)) {
      int seconds = 0;
      if (!absl::SimpleAtoi(moment, &seconds) || seconds < 0 || seconds >= video.seconds) {
        return absl::InvalidArgumentError("--moments");
      }
      const int frame = video.local[static_cast<size_t>(seconds) * kLocalFrameRate];
      const int64_t number = Number(video.frames[static_cast<size_t>(frame)]);
      row[moment] = static_cast<double>(number) * denominator / numerator - seconds;
    }
  }
  return result;
}

int Main() {
  std::error_code error;
  std::filesystem::create_directories(absl::GetFlag(FLAGS_folder), error);
  json result = {{"what", "seconds by which the picture comes after the music's moment"}};
  for (const std::string& rate : absl::GetFlag(FLAGS_rates)) {
    const absl::StatusOr<json> row = Measure(rate);
    if (!row.ok()) {
      std::cerr << "vidmuse_drift: " << row.status() << "\n";
      return 1;
    }
    result["frames_per_second"][rate] = *row;
  }
  std::cout << result.dump(2) << "\n";
  return 0;
}

}  // namespace
}  // namespace vidmuse

int main(int argc, char** argv) {
  if (vidmuse::PrintVersionIfAsked(argc, argv)) return 0;
  absl::SetProgramUsageMessage("How far the music's pictures are from those on screen.");
  absl::ParseCommandLine(argc, argv);
  return vidmuse::Main();
}
