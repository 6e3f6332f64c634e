// Runs a fuzzer's entry point on the files of a folder and on mutations of them, which are the same
// in every run. It is for builds without libFuzzer. Usage: replay MUTATIONS_PER_FILE FOLDER.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr unsigned kMaxSecondsPerRun = 60;
constexpr long kMaxKibibytes = 2l << 20;

using Bytes = std::vector<uint8_t>;

// Byte values that often expose errors in sizes and signs.
constexpr uint8_t kEdges[] = {0x00, 0x01, 0x7f, 0x80, 0xff};

void Mutate(std::mt19937& random, const Bytes& other, Bytes* bytes) {
  // Uses modulo, because the results of std::uniform_int_distribution depend on the library.
  const auto below = [&random](size_t n) { return n == 0 ? 0 : random() % n; };
  const size_t at = below(bytes->size());
  const size_t length = std::min<size_t>(1 + below(16), bytes->size() - at);
  switch (below(7)) {
    case 0:
      if (!bytes->empty()) (*bytes)[at] ^= 1u << below(8);
      break;
    case 1:
      if (!bytes->empty()) (*bytes)[at] = static_cast<uint8_t>(random());
      break;
    case 2:
      std::fill_n(bytes->begin() + at, length, kEdges[below(std::size(kEdges))]);
      break;
    case 3:
      bytes->erase(bytes->begin() + at, bytes->begin() + at + length);
      break;
    case 4: {
      const Bytes part(bytes->begin() + at, bytes->begin() + at + length);
      bytes->insert(bytes->begin() + below(bytes->size()), part.begin(), part.end());
      break;
    }
    case 5: {  // overwrites a part with a part of another file
      const size_t from = below(other.size());
      const size_t count =
          std::min({size_t{1} + below(64), other.size() - from, bytes->size() - at});
      std::copy_n(other.begin() + from, count, bytes->begin() + at);
      break;
    }
    default:
      if (below(8) == 0) bytes->resize(at);
      break;
  }
}

void Run(const Bytes& bytes) {
  alarm(kMaxSecondsPerRun);  // SIGALRM ends the process
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  alarm(0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s MUTATIONS_PER_FILE FOLDER\n", argv[0]);
    return 2;
  }
  const int mutations_per_file = std::atoi(argv[1]);
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(argv[2])) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Bytes> files;
  for (const auto& path : paths) {
    std::ifstream in(path, std::ios::binary);
    files.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  if (files.empty()) {
    std::fprintf(stderr, "no files to replay\n");
    return 1;
  }
  std::mt19937 random(1);
  size_t runs = 0;
  for (size_t i = 0; i < files.size(); ++i) {
    std::printf("%s, %zu bytes\n", paths[i].c_str(), files[i].size());
    std::fflush(stdout);
    Run(files[i]);
    for (int mutation = 0; mutation < mutations_per_file; ++mutation) {
      Bytes bytes = files[i];
      for (size_t times = 1 + random() % 4; times > 0; --times) {
        Mutate(random, files[random() % files.size()], &bytes);
      }
      bytes.shrink_to_fit();  // so that a sanitizer sees a read beyond the end
      Run(bytes);
      ++runs;
    }
  }
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("%zu files, %zu mutations of them, at most %ld KiB\n", files.size(), runs,
              usage.ru_maxrss);
  return usage.ru_maxrss <= kMaxKibibytes ? 0 : 1;
}
