// The flags of vidmuse_bench.
#ifndef VIDMUSE_TESTS_BENCH_BENCH_FLAGS_H_
#define VIDMUSE_TESTS_BENCH_BENCH_FLAGS_H_

#include <string>
#include <vector>

#include "core/base/flag_table.h"

namespace vidmuse {

// What each field means stands in the table of flags.
struct BenchFlags {
  std::string scale = "small";
  std::string model_dir;
  std::vector<std::string> precisions = {"fp32"};
  bool quality = false;
  std::string videos;
  bool codec = false;
  bool model_cost = false;
  std::vector<std::string> requests = {"1", "2", "4", "8"};
  bool variants = false;
  int seconds = 30;
  int distinct_frames = 0;
  int steps = 20;
  int rounds = 3;
  int position = -1;
  std::string device = "cpu";
  std::vector<std::string> slots = {"8"};
  std::vector<std::string> graphs = {"on"};
  std::vector<std::string> kernels = {"on"};
  int threads = 0;
};

FlagTable<BenchFlags> BenchFlagTable();

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_BENCH_BENCH_FLAGS_H_
