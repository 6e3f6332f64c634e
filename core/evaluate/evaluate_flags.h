// The command line of vidmuse_evaluate.
#ifndef VIDMUSE_EVALUATE_EVALUATE_FLAGS_H_
#define VIDMUSE_EVALUATE_EVALUATE_FLAGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/flag_table.h"

namespace vidmuse::evaluate {

struct EvaluateFlags {
  std::string generated;
  std::string compare;
  std::string reference;
  std::string videos;
  std::string extractors;
  std::vector<std::string> metrics;
  std::string embedding = "auto";
  std::string unpaired = "refuse";
  std::string output;
  std::string html;
  std::string cache;
  int workers = 0;
  int threads = 0;
  int resamples = 1000;
  uint64_t seed = 0;
  double max_seconds = 600;
};

const FlagTable<EvaluateFlags>& EvaluateFlagTable();

// What --help says.
std::string EvaluateHelp();

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_EVALUATE_FLAGS_H_
