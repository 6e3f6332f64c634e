#include "core/evaluate/evaluate_flags.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/flag_type.h"
#include "core/evaluate/metric.h"

namespace vidmuse::evaluate {
namespace {

using F = EvaluateFlags;

std::vector<Flag<F>> InputFlags() {
  return {
      {"generated", &F::generated, TextType(),
       "folder of the music to judge: sound files, or videos with sound"},
      {"compare", &F::compare, TextType(),
       "two folders, --compare A B, in place of --generated: both are judged, and the differences "
       "B - A"},
      {"reference", &F::reference, TextType(),
       "folder of the music that the videos had, or of other good music"},
      {"videos", &F::videos, TextType(),
       "folder of the videos; empty: those in the folder of the music, if it has any"},
      {"unpaired", &F::unpaired, ChoiceType({"refuse", "skip", "collection"}),
       "clips that only one folder has: an error, or left out; collection: the reference's clips "
       "belong to no videos, so only whole sets are compared"},
      {"max_seconds", &F::max_seconds, NumberType<double>(1, 21600), "longest clip"},
  };
}

std::vector<Flag<F>> MeasureFlags() {
  return {
      {"extractors", &F::extractors, TextType(),
       "folder of the networks' published files, by their published names"},
      {"metrics", &F::metrics, ListType(),
       "joined by commas; empty: all of the default whose inputs and files are there"},
      {"embedding", &F::embedding, ChoiceType({"auto", "cnn14_16k", "cnn14_32k", "clap", "vggish"}),
       "of density, coverage, precision, recall and kad; auto: CLAP's music model if its file is "
       "there, else CNN14"},
      {"resamples", &F::resamples, NumberType<int>(20, 100'000), "of the bootstrap"},
      {"seed", &F::seed, NumberType<uint64_t>(), "of resamples and splits"},
  };
}

std::vector<Flag<F>> OutputFlags() {
  return {
      {"output", &F::output, TextType(), "the report as JSON; empty: standard output"},
      {"html", &F::html, TextType(), "the report as a page; empty: none"},
      {"cache", &F::cache, TextType(),
       "folder that keeps features by the files' contents, for the next run; empty: none"},
      {"workers", &F::workers, NumberType<int>(0, 256), "threads that decode; 0: one a CPU"},
      {"threads", &F::threads, NumberType<int>(0, 1024), "of the networks; 0: one a CPU"},
  };
}

}  // namespace

const FlagTable<EvaluateFlags>& EvaluateFlagTable() {
  static const auto* const table =
      new FlagTable<F>(Concat<F>({InputFlags(), MeasureFlags(), OutputFlags()}));
  return *table;
}

std::string EvaluateHelp() {
  std::string text =
      "Measures how good generated music is, and how well it fits its videos.\n"
      "  vidmuse_evaluate --generated DIR [--reference DIR] [--videos DIR] --extractors DIR\n"
      "                   [--metrics fad,kl] [--output report.json] [--html report.html]\n"
      "  vidmuse_evaluate --compare A B ...     two sets for the same videos\n"
      "Files belong together if their names without extension are the same. Folders in folders "
      "aren't read.\n\nMetrics:\n";
  for (const MetricInfo& info : AllMetrics()) {
    const char* const inputs = info.reference ? " (--reference)" : info.videos ? " (--videos)" : "";
    const char* const note = info.by_default ? "" : "; only if asked for";
    absl::StrAppend(&text,
                    absl::StrFormat("  %-16s %s%s%s\n", info.name, info.title, inputs, note));
  }
  return absl::StrCat(text, "\n", EvaluateFlagTable().Help());
}

}  // namespace vidmuse::evaluate
