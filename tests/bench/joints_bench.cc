// Measures the joints between a long song's windows: how much the music changes there, against how
// much it changes elsewhere. Prints one JSON object. A border is where a window's own music begins.
//
// "percentile" is the mean, over all borders, of the share of the song's other moments at which the
// music changes less. 50 % means that a border is a moment like any other.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/flag_table.h"
#include "core/base/flag_type.h"
#include "core/base/status_macros.h"
#include "core/base/version.h"
#include "core/engine/window_plan.h"
#include "core/generator/generator_impl.h"
#include "core/model/load_model.h"
#include "core/video/frame_sampler.h"
#include "nlohmann/json.hpp"
#include "tests/bench/novelty.h"
#include "tests/support/stream_reader.h"
#include "vidmuse/audio_format.h"
#include "vidmuse/request.h"

namespace vidmuse {
namespace {

using nlohmann::json;

constexpr absl::Duration kDeadline = absl::Minutes(30);
constexpr double kStep = 0.1;  // seconds between the moments that are no borders

// What each field means stands in the table of flags.
struct JointsFlags {
  std::string model_dir = "tests/data/demo";
  std::string precision;
  std::string videos;
  std::vector<std::string> overlaps = {"0.5", "5", "12"};
  int songs = 2;
};

FlagTable<JointsFlags> Flags() {
  using F = JointsFlags;
  return FlagTable<F>({
      {"model_dir", &F::model_dir, TextType(), "as vidmuse_server's"},
      {"precision", &F::precision, TextType(), "as vidmuse_server's"},
      {"videos", &F::videos, TextType(), "a folder of videos over 34 s, or one such video"},
      {"overlaps", &F::overlaps, ListType(), "window overlaps to compare, in seconds"},
      {"songs", &F::songs, NumberType<int>(2, 16), "so many for each video and overlap"},
  });
}

struct Song {
  std::string video;  // the file's bytes
  uint64_t seed = 0;
  std::vector<float> samples;
  absl::Status status;
};

absl::StatusOr<std::vector<Song>> ReadVideos(const JointsFlags& flags) {
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  if (std::filesystem::is_directory(flags.videos, error)) {
    for (const auto& entry : std::filesystem::directory_iterator(flags.videos, error)) {
      const std::string ending = entry.path().extension();
      if (ending == ".mp4" || ending == ".mkv" || ending == ".webm") paths.push_back(entry.path());
    }
  } else {
    paths.emplace_back(flags.videos);
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Song> songs;
  for (const std::filesystem::path& path : paths) {
    std::ifstream file(path, std::ios::binary);
    const std::string video(std::istreambuf_iterator<char>(file), {});
    if (video.empty()) return absl::NotFoundError(absl::StrCat("no video at ", path.string()));
    for (int i = 0; i < flags.songs; ++i) {
      Song song;
      song.video = video;
      song.seed = static_cast<uint64_t>(i) + 1;
      songs.push_back(std::move(song));
    }
  }
  return songs;
}

void Make(Generator& generator, double overlap, Song& song) {
  GenerationRequest request;
  request.seed_is_set = true;
  request.sampling.seed = song.seed;
  request.format = AudioFormat::kPcmF32le;
  request.loudness = LoudnessMode::kNone;
  request.window_overlap_seconds = overlap;
  auto stream = generator.Submit(request);
  song.status = stream.status();
  if (song.status.ok()) song.status = (*stream)->AppendVideo(song.video);
  if (song.status.ok()) song.status = (*stream)->FinishVideo();
  if (!song.status.ok()) return;
  const ReadSong read = ReadToEnd(**stream, kDeadline);
  song.status = read.finished.status();
  song.samples.resize(read.bytes.size() / sizeof(float));
  std::memcpy(song.samples.data(), read.bytes.data(), song.samples.size() * sizeof(float));
}

// Where the windows of a song of `seconds` begin to make music of their own, the first one aside.
std::vector<double> Borders(int seconds, double overlap) {
  std::vector<double> borders;
  for (const WindowSpec& window : PlanWindows(seconds, OverlapFrames(overlap))) {
    const double border =
        static_cast<double>(window.first_frame + window.prompt_frames) / kFrameRate;
    const bool inside = border >= kNoveltyContext && border + kNoveltyContext <= seconds;
    if (window.prompt_frames > 0 && inside) borders.push_back(border);
  }
  return borders;
}

// What is measured of one kind of novelty.
struct Tally {
  std::vector<double> borders, elsewhere, percentiles;

  static double Mean(const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());
  }
  // Adds a song.
  void Add(const std::vector<double>& at_borders, std::vector<double> at_others) {
    std::sort(at_others.begin(), at_others.end());
    for (const double value : at_borders) {
      const auto less = std::lower_bound(at_others.begin(), at_others.end(), value);
      percentiles.push_back(100.0 * static_cast<double>(less - at_others.begin()) /
                            static_cast<double>(at_others.size()));
    }
    borders.insert(borders.end(), at_borders.begin(), at_borders.end());
    elsewhere.insert(elsewhere.end(), at_others.begin(), at_others.end());
  }
  json Report() const {
    const double mean = Mean(percentiles);
    double variance = 0;
    for (const double value : percentiles) variance += (value - mean) * (value - mean);
    const auto n = static_cast<double>(percentiles.size());
    return {{"border_db", Mean(borders)},
            {"elsewhere_db", Mean(elsewhere)},
            {"percentile", mean},
            {"standard_error", std::sqrt(variance / (n - 1) / n)}};
  }
};

class Joints {
 public:
  void Add(const std::vector<float>& samples, int sample_rate, const std::vector<double>& borders) {
    const NoveltyCurve curve(samples, sample_rate);
    std::vector<double> spectra[2], loudness[2];
    const auto add = [&](double moment, int kind) {
      const Novelty novelty = curve.At(moment);
      spectra[kind].push_back(novelty.spectrum);
      loudness[kind].push_back(novelty.loudness);
    };
    for (const double border : borders) add(border, 0);
    for (double moment = kNoveltyContext; moment + kNoveltyContext <= curve.seconds();
         moment += kStep) {
      // Nothing of what is compared lies on the other side of a border.
      const bool far = std::all_of(borders.begin(), borders.end(), [&](double border) {
        return std::abs(border - moment) >= kNoveltyContext;
      });
      if (far) add(moment, 1);
    }
    spectrum_.Add(spectra[0], spectra[1]);
    loudness_.Add(loudness[0], loudness[1]);
  }
  json Report() const {
    return {{"borders", spectrum_.borders.size()},
            {"spectrum", spectrum_.Report()},
            {"loudness", loudness_.Report()}};
  }

 private:
  Tally spectrum_, loudness_;
};

// Returns the song with every other stretch between borders taken from another one.
std::vector<float> Cut(std::vector<float> samples, const std::vector<float>& other,
                       const std::vector<double>& borders, int sample_rate) {
  const size_t all = std::min(samples.size(), other.size());
  for (size_t border = 0; border < borders.size(); border += 2) {
    const auto sample_of = [&](size_t number) {
      return number < borders.size()
                 ? std::min(all, static_cast<size_t>(borders[number] * sample_rate))
                 : all;
    };
    for (size_t i = sample_of(border); i < sample_of(border + 1); ++i) samples[i] = other[i];
  }
  return samples;
}

absl::Status Measure(const JointsFlags& flags) {
  ModelOptions options;
  options.model_dir = flags.model_dir;
  options.precision = flags.precision;
  ASSIGN_OR_RETURN(std::unique_ptr<MusicModel> model, LoadModel(options));
  NullMetricsSink metrics;
  ASSIGN_OR_RETURN(const std::unique_ptr<Generator> generator,
                   NewGenerator(std::move(model), OpeningComplete(OpenVideo), {}, Clock::Real(), &metrics));
  const int rate = generator->model_info().sample_rate;
  json result = {{"model", flags.model_dir}, {"songs_per_video", flags.songs}};
  for (const std::string& text : flags.overlaps) {
    double overlap = 0;
    if (!absl::SimpleAtod(text, &overlap)) return absl::InvalidArgumentError("--overlaps");
    ASSIGN_OR_RETURN(std::vector<Song> songs, ReadVideos(flags));
    {
      std::vector<std::jthread> threads;
      for (Song& song : songs) threads.emplace_back([&] { Make(*generator, overlap, song); });
    }
    Joints joints, cuts, other_cuts;
    const auto per_video = static_cast<size_t>(flags.songs);
    for (size_t i = 0; i < songs.size(); ++i) {
      RETURN_IF_ERROR(songs[i].status);
      const std::vector<float>& samples = songs[i].samples;
      const auto borders = Borders(static_cast<int>(samples.size()) / rate, overlap);
      if (borders.empty()) return absl::InvalidArgumentError("--videos: one is too short");
      joints.Add(samples, rate, borders);
      // Controls: at each border, the music goes on with another song.
      const size_t video = i / per_video, song = i % per_video;
      const Song& of_video = songs[video * per_video + (song + 1) % per_video];
      cuts.Add(Cut(samples, of_video.samples, borders, rate), rate, borders);
      const Song& of_other = songs[(i + per_video) % songs.size()];
      other_cuts.Add(Cut(samples, of_other.samples, borders, rate), rate, borders);
    }
    result["overlaps"][text] = joints.Report();
    result["cut_to_the_videos_next_song"][text] = cuts.Report();
    result["cut_to_the_next_videos_song"][text] = other_cuts.Report();
  }
  std::cout << result.dump(2) << "\n";
  return absl::OkStatus();
}

int Main(const std::vector<std::string>& args) {
  const FlagTable<JointsFlags> table = Flags();
  JointsFlags flags;
  const absl::StatusOr<CommandLine> line = table.Parse(args, &flags);
  if (line.ok() && line->help) {
    std::cout << "The joints between the windows of long songs; prints JSON.\n\n" << table.Help();
    return 0;
  }
  absl::Status status = line.status();
  if (status.ok() && !line->rest.empty()) status = NotAFlagError(line->rest[0]);
  if (status.ok()) status = Measure(flags);
  if (status.ok()) return 0;
  std::cerr << "vidmuse_joints: " << status.message() << "\n";
  return 1;
}

}  // namespace
}  // namespace vidmuse

int main(int argc, char** argv) {
  if (vidmuse::PrintVersionIfAsked(argc, argv)) return 0;
  return vidmuse::Main(std::vector<std::string>(argv + 1, argv + argc));
}
