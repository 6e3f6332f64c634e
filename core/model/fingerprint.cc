#include "core/model/fingerprint.h"

#include <gnu/libc-version.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/audio/media_libraries.h"
#include "core/base/content_hash.h"

namespace vidmuse {
namespace {

// Increase this whenever a change of this program gives other tokens or bytes for the same request,
// or changes the meaning of ResumePoint.
constexpr int kFormat = 3;

std::string Text(const LmConfig& lm) {
  return absl::StrCat(lm.dim, " ", lm.num_heads, " ", lm.num_layers, " ", lm.hidden_scale, " ",
                      lm.codebooks, " ", lm.card, " ", lm.cfg_coef, " ", lm.sample_rate);
}

std::string Text(const CodecConfig& codec) {
  return absl::StrCat(codec.sample_rate, " ", codec.dimension, " ", codec.n_filters, " ",
                      codec.codebooks, " ", codec.bins, " ", absl::StrJoin(codec.ratios, ","), " ",
                      codec.kernel_size, " ", codec.last_kernel_size, " ",
                      codec.residual_kernel_size, " ", codec.n_residual_layers, " ", codec.compress,
                      " ", codec.lstm_layers, " ", codec.reflect_padding, " ", codec.elu_alpha);
}

// Sampling and loudness use glibc's exp and pow, whose variants with fused multiply-adds round
// differently.
std::string CLibrary() {
  const bool fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return absl::StrCat("glibc ", gnu_get_libc_version(), fma ? " with FMA" : "");
}

}  // namespace

std::string Fingerprint(const FingerprintParts& parts) {
  ContentHash null_condition;
  null_condition.Add(parts.null_condition.data(), parts.null_condition.size() * sizeof(float));
  ContentHash hash;
  const auto add = [&](absl::string_view name, absl::string_view value) {
    hash.Add(absl::StrCat(name, ": ", value, "\n"));
  };
  add("format", absl::StrCat(kFormat));
  // The compiler chooses which multiplications and additions are fused.
  add("compiler", __VERSION__);
  add("C library", CLibrary());
  add("media", MediaLibraries());
  Origin origin = parts.origin;
  origin.seed = 0;
  add("mark of origin", OriginXmp(origin, MarkedFile::kAudio));
  add("token model", Text(parts.lm));
  add("codec", Text(parts.codec));
  add("weights", parts.weights);
  add("codec's weights", parts.codec_weights);
  add("precision", parts.precision);
  add("video precision", parts.video_precision);
  add("codec's precision", parts.codec_precision);
  add("arithmetic", parts.arithmetic);
  add("null condition", null_condition.Hex());
  return hash.Hex();
}

}  // namespace vidmuse
