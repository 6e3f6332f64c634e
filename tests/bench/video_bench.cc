// Measures the time from a video's bytes to its sampled frames, through the sandbox, beside the
// time that ffmpeg takes to decode the same file. The two run in turn, pair by pair, since other
// work on the machine slows both. Makes its videos itself. Prints one JSON object.
#include <sys/resource.h>

#include <algorithm>
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
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/cpus.h"
#include "core/base/version.h"
#include "core/video/sandbox.h"
#include "nlohmann/json.hpp"

ABSL_FLAG(std::string, folder, "/tmp/vidmuse_video_bench", "where the videos are made and kept");
ABSL_FLAG(std::vector<std::string>, videos, {}, "names of the videos to measure; empty: all");
ABSL_FLAG(double, seconds, 30, "length of each video");
ABSL_FLAG(int, pairs, 5, "measurements of each video");

namespace vidmuse {
namespace {

using nlohmann::json;

struct BenchVideo {
  const char* name;
  const char* size;
  int rate;
  const char* encoder;  // with a mean of about 20 Mbit/s
};

constexpr char kGrain[] = ",noise=alls=5:allf=t";  // over FFmpeg's testsrc2, which moves
// B-frames at fixed places, as encoders in cameras and telephones set them.
#define H264 "-c:v libx264 -preset veryfast -bf 3 -b_strategy 0 -sc_threshold 0 -b:v 20M "
#define HEVC                                                                                 \
  "-c:v libx265 -preset superfast -b:v 20M -x265-params log-level=none:bframes=4:b-adapt=0:" \
  "scenecut=0:"
#define BITS_10 " -pix_fmt yuv420p10le"
// An encoder's own distance of key frames is 250 frames at most.
constexpr BenchVideo kVideos[] = {
    {"h264_1080p60", "1920x1080", 60, H264},
    {"h264_1080p60_key_2s", "1920x1080", 60, H264 "-g 120"},
    {"h264_1080p60_10bit", "1920x1080", 60, H264 "-g 120" BITS_10},
    {"hevc_1080p60", "1920x1080", 60, HEVC "open-gop=1"},
    {"hevc_1080p60_key_2s", "1920x1080", 60, HEVC "open-gop=0:keyint=120"},
    {"hevc_1080p60_10bit", "1920x1080", 60, HEVC "open-gop=1:keyint=120" BITS_10},
    {"h264_2160p30", "3840x2160", 30, H264},
    {"hevc_2160p30_10bit", "3840x2160", 30, HEVC "open-gop=0:keyint=60" BITS_10},
};
#undef H264
#undef HEVC
#undef BITS_10

// Makes the file unless it is there. Returns its path, or nothing if ffmpeg fails.
std::string MakeVideo(const BenchVideo& video) {
  const std::string path = absl::StrCat(absl::GetFlag(FLAGS_folder), "/", video.name, "_",
                                        absl::GetFlag(FLAGS_seconds), "s.mp4");
  if (std::filesystem::exists(path)) return path;
  const std::string part = absl::StrCat(path, ".part.mp4");
  const bool has_format = std::string(video.encoder).find("pix_fmt") != std::string::npos;
  const std::string command = absl::StrCat(
      "ffmpeg -nostdin -hide_banner -loglevel error -y -f lavfi -i \"testsrc2=size=", video.size,
      ":rate=", video.rate, ":duration=", absl::GetFlag(FLAGS_seconds), kGrain, "\" ",
      has_format ? "" : "-pix_fmt yuv420p ", video.encoder, " ", part);
  if (std::system(command.c_str()) != 0) return "";
  std::filesystem::rename(part, path);
  return path;
}

double ProcessorSeconds(int who) {
  rusage usage = {};
  getrusage(who, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Cost {
  double seconds = 0;
  double processor_seconds = 0;  // of this process and of its children that ended
};

template <typename Work>
Cost Measure(const Work& work) {
  const auto processor = [] {
    return ProcessorSeconds(RUSAGE_SELF) + ProcessorSeconds(RUSAGE_CHILDREN);
  };
  const double before = processor();
  const absl::Time start = absl::Now();
  work();
  return {absl::ToDoubleSeconds(absl::Now() - start), processor() - before};
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

json MeasureVideo(const BenchVideo& video, const std::string& path, const VideoSandbox& sandbox) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  const std::string ffmpeg = absl::StrCat("ffmpeg -nostdin -hide_banner -loglevel error -threads ",
                                          UsableCpus(), " -i ", path, " -f null -");
  json pairs = json::array();
  std::vector<double> ratios, ours, theirs, our_work, their_work;
  for (int i = 0; i < absl::GetFlag(FLAGS_pairs); ++i) {
    absl::Status status;
    const Cost sample = Measure([&] {
      const CancelFlag never;
      status = sandbox.Sample(bytes, Limits(), 0, never).status();
    });
    int failed = 0;
    const Cost decode = Measure([&] { failed = std::system(ffmpeg.c_str()); });
    if (!status.ok() || failed != 0) return {{"video", video.name}, {"error", status.ToString()}};
    pairs.push_back({{"sample_seconds", sample.seconds},
                     {"ffmpeg_seconds", decode.seconds},
                     {"sample_processor_seconds", sample.processor_seconds},
                     {"ffmpeg_processor_seconds", decode.processor_seconds}});
    ratios.push_back(sample.seconds / decode.seconds);
    ours.push_back(sample.seconds);
    theirs.push_back(decode.seconds);
    our_work.push_back(sample.processor_seconds);
    their_work.push_back(decode.processor_seconds);
  }
  return {{"video", video.name},
          {"megabits_per_second",
           static_cast<double>(bytes.size()) * 8e-6 / absl::GetFlag(FLAGS_seconds)},
          {"median_sample_seconds", Median(ours)},
          {"median_ffmpeg_seconds", Median(theirs)},
          {"median_ratio", Median(ratios)},
          {"median_processor_ratio", Median(our_work) / Median(their_work)},
          {"pairs", pairs}};
}

int Main() {
  const auto sandbox =
      VideoSandbox::Create(VideoSandbox::DefaultProgram(), VideoSandbox::Filter::kIfPossible, {});
  if (!sandbox.ok()) {
    std::cerr << sandbox.status() << "\n";
    return 1;
  }
  std::filesystem::create_directories(absl::GetFlag(FLAGS_folder));
  const std::vector<std::string> chosen = absl::GetFlag(FLAGS_videos);
  json result = {{"processors", UsableCpus()}, {"seconds_of_video", absl::GetFlag(FLAGS_seconds)}};
  bool good = true;
  for (const BenchVideo& video : kVideos) {
    if (!chosen.empty() && std::find(chosen.begin(), chosen.end(), video.name) == chosen.end()) {
      continue;
    }
    const std::string path = MakeVideo(video);
    if (path.empty()) return 1;
    result["videos"].push_back(MeasureVideo(video, path, **sandbox));
    good = good && !result["videos"].back().contains("error");
  }
  std::cout << result.dump(1) << "\n";
  return good ? 0 : 1;
}

}  // namespace
}  // namespace vidmuse

int main(int argc, char** argv) {
  if (vidmuse::PrintVersionIfAsked(argc, argv)) return 0;
  absl::SetProgramUsageMessage("Time to sample videos beside ffmpeg's; prints JSON");
  absl::ParseCommandLine(argc, argv);
  return vidmuse::Main();
}
