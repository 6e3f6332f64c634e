#include "tests/bench/quality.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/base/status_macros.h"
#include "core/video/frame_sampler.h"
#include "vidmuse/limits.h"
#include "vidmuse/sampling_options.h"

namespace vidmuse {
namespace {

using nlohmann::json;

// The song as one model computes it.
struct Song {
  int codebooks = 0;
  int card = 0;
  std::vector<int32_t> tokens;  // [steps][codebooks], as fed
  std::vector<float> logits;    // [steps][codebooks][card], after guidance
};

// Feeds `tokens` to the model, or the tokens that it draws itself if `tokens` is empty.
absl::StatusOr<Song> Sing(MusicModel& model, const VideoFrames& video, int steps,
                          const std::vector<int32_t>& tokens) {
  Song song;
  song.codebooks = model.info().codebooks;
  song.card = model.info().card;
  ASSIGN_OR_RETURN(const auto condition, model.EncodeVideo(video, CancelFlag()));
  ASSIGN_OR_RETURN(const std::unique_ptr<Window> window,
                   model.OpenWindow(*condition, 0, condition->local_frames(), steps, CancelFlag()));
  SamplingOptions sampling;
  sampling.cfg_coef = model.info().default_cfg_coef;
  std::vector<int32_t> next(song.codebooks, song.card);
  for (int step = 0; step < steps; ++step) {
    if (!tokens.empty())
      next.assign(&tokens[step * next.size()], &tokens[(step + 1) * next.size()]);
    song.tokens.insert(song.tokens.end(), next.begin(), next.end());
    const std::vector<int32_t> fed = next;
    song.logits.resize(song.logits.size() + size_t{1} * song.codebooks * song.card);
    StepRequest request;
    request.window = window.get();
    request.tokens = fed;
    request.sampling = &sampling;
    request.frame = step;
    request.next_tokens = next.data();
    request.logits = song.logits.data() + size_t{1} * step * song.codebooks * song.card;
    RETURN_IF_ERROR(model.Step({&request, 1}));
  }
  return song;
}

std::vector<double> Softmax(absl::Span<const float> logits) {
  const float peak = *std::max_element(logits.begin(), logits.end());
  std::vector<double> p;
  double sum = 0;
  for (const float logit : logits) sum += p.emplace_back(std::exp(double{logit} - peak));
  for (double& value : p) value /= sum;
  return p;
}

double KthLargest(std::vector<double> p, size_t k) {
  if (k >= p.size()) return 0;
  std::nth_element(p.begin(), p.begin() + (k - 1), p.end(), std::greater<>());
  return p[k - 1];
}

// KL(p || q), with both restricted to the tokens where p >= least and normalised again.
double Divergence(const std::vector<double>& p, const std::vector<double>& q, double least) {
  double p_sum = 0, q_sum = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    if (p[i] < least) continue;
    p_sum += p[i];
    q_sum += q[i];
  }
  double divergence = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    if (p[i] < least || p[i] == 0) continue;
    divergence += p[i] / p_sum * std::log(p[i] / p_sum / (q[i] / q_sum));
  }
  return divergence;
}

json Compare(const Song& exact, const Song& song) {
  double error = 0, size = 0, kl = 0, kl_whole = 0, cut = 0;
  size_t agree = 0;
  const size_t draws = exact.tokens.size();
  for (size_t i = 0; i < draws; ++i) {
    const auto a = absl::MakeConstSpan(exact.logits).subspan(i * exact.card, exact.card);
    const auto b = absl::MakeConstSpan(song.logits).subspan(i * exact.card, exact.card);
    for (int j = 0; j < exact.card; ++j) {
      error += (double{b[j]} - a[j]) * (double{b[j]} - a[j]);
      size += double{a[j]} * a[j];
    }
    const auto best = [](absl::Span<const float> x) {
      return std::max_element(x.begin(), x.end()) - x.begin();
    };
    agree += best(a) == best(b);
    const std::vector<double> p = Softmax(a), q = Softmax(b);
    const size_t top_k = SamplingOptions().top_k;
    kl += Divergence(p, q, KthLargest(p, top_k));
    kl_whole += Divergence(p, q, 0);
    const double p_least = KthLargest(p, top_k), q_least = KthLargest(q, top_k);
    for (size_t j = 0; j < p.size(); ++j) cut += p[j] >= p_least && q[j] < q_least ? p[j] : 0;
  }
  const auto n = static_cast<double>(draws);
  return {{"logits_relative_error", std::sqrt(error / size)},
          {"greedy_agreement", static_cast<double>(agree) / n},
          {"kl_top_k", kl / n},
          {"kl_whole_softmax", kl_whole / n},
          {"probability_cut_wrongly", cut / n},
          {"logits_rms", std::sqrt(size / (n * exact.card))}};
}

// What a precision needs to be taken, on the average of all videos.
constexpr double kMostKl = 0.005;
constexpr double kLeastAgreement = 0.95;

struct NamedVideo {
  std::string name;
  VideoFrames frames;
};

absl::StatusOr<std::vector<NamedVideo>> ReadVideos(const QualityOptions& options) {
  std::vector<NamedVideo> videos;
  if (options.videos.empty()) {
    videos.push_back({"random pixels", RandomVideo(options.seconds)});
    return videos;
  }
  std::error_code error;
  std::set<std::filesystem::path> paths;  // in order
  for (const auto& entry : std::filesystem::directory_iterator(options.videos, error)) {
    if (entry.is_regular_file()) paths.insert(entry.path());
  }
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat("--videos=", options.videos, ": ", error.message()));
  }
  for (const std::filesystem::path& path : paths) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    absl::StatusOr<VideoFrames> frames =
        SampleVideo(bytes, Limits(), options.seconds, CancelFlag());
    if (!frames.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path.string(), ": ", frames.status().message()));
    }
    videos.push_back({path.filename().string(), *std::move(frames)});
  }
  if (videos.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("--videos=", options.videos, " has no files"));
  }
  return videos;
}

// The mean of a number over all videos.
double Mean(const json& videos, const char* number) {
  double sum = 0;
  for (const json& video : videos) sum += video[number].get<double>();
  return sum / static_cast<double>(videos.size());
}

// Of those measured, the fastest that is near float32; otherwise fp32.
std::string Recommended(const json& precisions) {
  for (const char* name : {"int4", "int8", "bf16", "fp16"}) {
    if (!precisions.contains(name)) continue;
    const json& videos = precisions[name];
    if (Mean(videos, "kl_top_k") < kMostKl && Mean(videos, "greedy_agreement") >= kLeastAgreement) {
      return name;
    }
  }
  return "fp32";
}

}  // namespace

absl::StatusOr<json> MeasureQuality(const BenchModel& source, const QualityOptions& options) {
  ASSIGN_OR_RETURN(const std::vector<NamedVideo> videos, ReadVideos(options));
  std::vector<Song> exact(videos.size());
  double load_seconds = 0;
  const auto sing = [&](const std::string& precision) -> absl::StatusOr<std::vector<Song>> {
    ASSIGN_OR_RETURN(const auto model, MakeModel(source, precision, &load_seconds));
    std::vector<Song> songs;
    for (size_t i = 0; i < videos.size(); ++i) {
      ASSIGN_OR_RETURN(songs.emplace_back(),
                       Sing(*model, videos[i].frames, options.steps, exact[i].tokens));
    }
    return songs;
  };
  ASSIGN_OR_RETURN(exact, sing("fp32"));
  json result;
  result["weights"] = source.model_dir.empty()
                          ? "random (hashes of their names): errors say nothing of how it sounds"
                          : source.model_dir;
  result["what"] =
      "against fp32, over `steps` steps of one song fed the same tokens. Logits are guided (the "
      "model's own coefficient). logits_relative_error: rms(difference) / rms. greedy_agreement: "
      "of the largest logits. kl_top_k: mean KL(fp32 || precision) of softmax at temperature 1 "
      "over "
      "the 250 tokens that fp32 keeps, both made to sum to 1; kl_whole_softmax: over all tokens. "
      "probability_cut_wrongly: of tokens among fp32's 250 but not among the precision's.";
  result["steps"] = options.steps;
  result["precisions"] = json::object();
  for (const std::string& precision : options.precisions) {
    if (precision == "fp32") continue;
    ASSIGN_OR_RETURN(const std::vector<Song> songs, sing(precision));
    for (size_t i = 0; i < videos.size(); ++i) {
      result["precisions"][precision][videos[i].name] = Compare(exact[i], songs[i]);
    }
  }
  result["take"] = absl::StrCat("--precision ", Recommended(result["precisions"]),
                                ": the fastest of those measured with ", "kl_top_k under ", kMostKl,
                                " and greedy_agreement of ", kLeastAgreement,
                                " on the average of the videos (otherwise fp32)");
  return result;
}

}  // namespace vidmuse
