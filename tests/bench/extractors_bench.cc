// Measures how fast the networks that measure sounds and videos are, of the published sizes, from a
// file to its features. Makes the networks and the clips itself and keeps them, so that
// extractors_original.py can do the same work with the published code. Prints one JSON object.
#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/cpus.h"
#include "core/base/status_macros.h"
#include "core/base/version.h"
#include "core/extractors/extractor.h"
#include "core/extractors/read_sound.h"
#include "core/model/checkpoint/torch_file_writer.h"
#include "core/model/synthetic/hash_values.h"
#include "nlohmann/json.hpp"
#include "tests/support/clap_file.h"
#include "tests/support/imagebind_file.h"
#include "tests/support/sound_network_files.h"
#include "tests/support/wav_file.h"

ABSL_FLAG(std::string, folder, "/tmp/vidmuse_extractors_bench", "where files are made and kept");
ABSL_FLAG(std::vector<std::string>, networks, {},
          "vggish, cnn14_16k, cnn14_32k, cnn14_decision_level_max, clap_music, imagebind_sound, "
          "imagebind_sound_dense; empty: all");
ABSL_FLAG(std::string, video, "", "a video that ImageBind's pictures are measured with, if any");
ABSL_FLAG(double, seconds, 30, "length of each clip");
ABSL_FLAG(int, clips, 5, "clips, of which each network reads all");
ABSL_FLAG(bool, small, false, "narrow networks, to see that the bench works");

namespace vidmuse {
namespace {

using nlohmann::json;

struct BenchNetwork {
  const char* name;
  SoundNetwork network;
  int rate;
};

constexpr BenchNetwork kNetworks[] = {
    {"vggish", SoundNetwork::kVggish, 16000},
    {"cnn14_16k", SoundNetwork::kCnn14At16kHz, 16000},
    {"cnn14_32k", SoundNetwork::kCnn14At32kHz, 32000},
    {"cnn14_decision_level_max", SoundNetwork::kCnn14DecisionLevelMax, 32000},
    {"clap_music", SoundNetwork::kClapMusic, 48000},
    {"imagebind_sound", SoundNetwork::kImageBindSound, 16000},
    {"imagebind_sound_dense", SoundNetwork::kImageBindSoundDense, 16000}};

std::string InFolder(const std::string& name) {
  return absl::StrCat(absl::GetFlag(FLAGS_folder), "/", name);
}

// The processor time that this process has used. Unlike the time that passes, it hardly depends on
// what else the machine does.
double ProcessorSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

absl::Status WriteNetwork(const BenchNetwork& network) {
  const bool small = absl::GetFlag(FLAGS_small);
  const NetworkSizes sizes = small ? NetworkSizes::kSmall : NetworkSizes::kPublished;
  const std::string path = InFolder(PublishedFile(network.network));
  switch (network.network) {
    case SoundNetwork::kVggish:
      return WriteVggish(sizes, path);
    case SoundNetwork::kClapMusic:
      return WriteClap(small ? ClapSizes() : PublishedClap(), path);
    case SoundNetwork::kImageBindSound:
    case SoundNetwork::kImageBindSoundDense:
      return WriteImageBind(small ? ImageBindSizes() : kPublishedImageBind, path);
    default:
      return WriteCnn14(network.rate, sizes, path);
  }
}

// Stereo noise that swells twice a second.
std::string WriteClip(int number) {
  constexpr int kRate = 44100;
  const uint64_t key = Fnv1a64(absl::StrCat("extractors bench ", number));
  std::vector<int16_t> samples;
  for (int64_t i = 0; i < 2 * static_cast<int64_t>(absl::GetFlag(FLAGS_seconds) * kRate); ++i) {
    const float swell = static_cast<float>(i % kRate) / kRate;
    samples.push_back(static_cast<int16_t>(30000 * swell * (HashUniform(key, i) - 0.5f)));
  }
  std::string path = InFolder(absl::StrCat("clip_", number, ".wav"));
  std::ofstream(path, std::ios::binary) << WavFile(kRate, 2, samples);
  return path;
}

absl::StatusOr<json> Measure(const BenchNetwork& network, const std::vector<std::string>& clips,
                             TorchFileWriter& features) {
  RETURN_IF_ERROR(WriteNetwork(network));
  const absl::Time opening = absl::Now();
  ASSIGN_OR_RETURN(const std::unique_ptr<SoundExtractor> extractor,
                   OpenSoundExtractor(network.network, absl::GetFlag(FLAGS_folder)));
  const double open_seconds = absl::ToDoubleSeconds(absl::Now() - opening);
  std::vector<double> reading, extracting, all, working;
  for (const std::string& clip : clips) {
    const absl::Time start = absl::Now();
    ASSIGN_OR_RETURN(const Sound sound, ReadSound(clip, absl::GetFlag(FLAGS_seconds)));
    const absl::Time read = absl::Now();
    const double worked = ProcessorSeconds();
    ASSIGN_OR_RETURN(const Features made, extractor->Extract(sound));
    const absl::Time end = absl::Now();
    working.push_back(ProcessorSeconds() - worked);
    reading.push_back(absl::ToDoubleSeconds(read - start));
    extracting.push_back(absl::ToDoubleSeconds(end - read));
    all.push_back(absl::ToDoubleSeconds(end - start));
    if (&clip != &clips[0]) continue;
    const FeatureMatrix& matrix = made.embeddings.rows > 0 ? made.embeddings : made.logits;
    RETURN_IF_ERROR(features.AddTensor(
        network.name, {DType::kFloat32, {matrix.rows, matrix.columns}, matrix.values.data()}));
  }
  return json{{"name", network.name},
              {"open_seconds", open_seconds},
              {"median_read_seconds", Median(reading)},
              {"median_extract_seconds", Median(extracting)},
              {"median_extract_processor_seconds", Median(working)},
              {"seconds_of_sound_a_second", absl::GetFlag(FLAGS_seconds) / Median(all)},
              {"minutes_for_300_clips", 300 * Median(all) / 60}};
}

absl::StatusOr<json> MeasurePictures(PictureNetwork network, const std::string& video) {
  ASSIGN_OR_RETURN(const std::unique_ptr<PictureExtractor> extractor,
                   OpenPictureExtractor(network, absl::GetFlag(FLAGS_folder)));
  const absl::Time start = absl::Now();
  const double worked = ProcessorSeconds();
  ASSIGN_OR_RETURN(const Features made, extractor->Extract(video));
  return json{{"name", extractor->info().name},
              {"rows", made.embeddings.rows},
              {"extract_seconds", absl::ToDoubleSeconds(absl::Now() - start)},
              // Without the decoder, which is a process of its own.
              {"extract_processor_seconds", ProcessorSeconds() - worked}};
}

absl::Status Run() {
  std::filesystem::create_directories(absl::GetFlag(FLAGS_folder));
  std::vector<std::string> clips;
  for (int i = 0; i < absl::GetFlag(FLAGS_clips); ++i) clips.push_back(WriteClip(i));
  // What the first clip gives, for the comparison with the published code.
  ASSIGN_OR_RETURN(const std::unique_ptr<TorchFileWriter> features,
                   TorchFileWriter::Create(InFolder("features.pt")));
  json result = {{"processors", UsableCpus()}, {"seconds_of_clip", absl::GetFlag(FLAGS_seconds)}};
  const std::vector<std::string> chosen = absl::GetFlag(FLAGS_networks);
  for (const BenchNetwork& network : kNetworks) {
    if (!chosen.empty() && std::find(chosen.begin(), chosen.end(), network.name) == chosen.end()) {
      continue;
    }
    ASSIGN_OR_RETURN(json measured, Measure(network, clips, *features));
    result["networks"].push_back(std::move(measured));
  }
  RETURN_IF_ERROR(features->Finish());
  if (const std::string video = absl::GetFlag(FLAGS_video); !video.empty()) {
    RETURN_IF_ERROR(WriteNetwork(kNetworks[std::size(kNetworks) - 1]));
    for (const auto network :
         {PictureNetwork::kImageBindPictures, PictureNetwork::kImageBindPicturesDense}) {
      ASSIGN_OR_RETURN(json measured, MeasurePictures(network, video));
      result["pictures"].push_back(std::move(measured));
    }
  }
  std::cout << result.dump(1) << "\n";
  return absl::OkStatus();
}

}  // namespace
}  // namespace vidmuse

int main(int argc, char** argv) {
  if (vidmuse::PrintVersionIfAsked(argc, argv)) return 0;
  absl::SetProgramUsageMessage("Time from files to features; prints JSON");
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = vidmuse::Run();
  if (!status.ok()) std::cerr << status.message() << "\n";
  return status.ok() ? 0 : 1;
}
