#include "tests/bench/quality.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "absl/types/span.h"
#include "core/base/status_macros.h"
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
absl::StatusOr<Song> Sing(MusicModel& model, int seconds, int steps,
                          const std::vector<int32_t>& tokens) {
  Song song;
  song.codebooks = model.info().codebooks;
  song.card = model.info().card;
  ASSIGN_OR_RETURN(const auto condition, model.EncodeVideo(RandomVideo(seconds), CancelFlag()));
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

}  // namespace

absl::StatusOr<json> MeasureQuality(const BenchModel& source,
                                    const std::vector<std::string>& precisions, int seconds,
                                    int steps) {
  double load_seconds = 0;
  const auto sing = [&](const std::string& precision,
                        const std::vector<int32_t>& tokens) -> absl::StatusOr<Song> {
    ASSIGN_OR_RETURN(const auto model, MakeModel(source, precision, &load_seconds));
    return Sing(*model, seconds, steps, tokens);
  };
  ASSIGN_OR_RETURN(const Song exact, sing("fp32", {}));
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
  result["steps"] = steps;
  for (const std::string& precision : precisions) {
    if (precision == "fp32") continue;
    ASSIGN_OR_RETURN(const Song song, sing(precision, exact.tokens));
    result["precisions"][precision] = Compare(exact, song);
  }
  return result;
}

}  // namespace vidmuse
