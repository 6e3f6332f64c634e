// What the programs ffmpeg and ffprobe make of encoded audio.
#ifndef VIDMUSE_TESTS_UNIT_AUDIO_MEDIA_PROGRAMS_H_
#define VIDMUSE_TESTS_UNIT_AUDIO_MEDIA_PROGRAMS_H_

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

namespace vidmuse {

inline std::vector<int16_t> AsInt16(const std::string& bytes) {
  std::vector<int16_t> samples(bytes.size() / 2);
  std::memcpy(samples.data(), bytes.data(), samples.size() * 2);
  return samples;
}

// What a command prints; it must succeed.
inline std::string Output(const std::string& command) {
  std::string output;
  FILE* pipe = popen(command.c_str(), "r");
  EXPECT_NE(pipe, nullptr) << command;
  if (pipe == nullptr) return output;
  char buffer[4096];
  while (const size_t count = fread(buffer, 1, sizeof(buffer), pipe)) output.append(buffer, count);
  EXPECT_EQ(pclose(pipe), 0) << command;
  return output;
}

// A file with these bytes, gone with its scope.
class TempFile {
 public:
  explicit TempFile(const std::string& bytes) {
    std::string path = testing::TempDir() + "vidmuse_audio_XXXXXX";
    const int file = mkstemp(path.data());
    EXPECT_GE(file, 0);
    if (file >= 0) close(file);
    path_ = path;
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  ~TempFile() { unlink(path_.c_str()); }
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The ffmpeg program's decoding, 16-bit.
inline std::vector<int16_t> Decode(const std::string& bytes) {
  const TempFile file(bytes);
  return AsInt16(Output("ffmpeg -v error -xerror -i " + file.path() + " -f s16le -"));
}

inline std::string Probe(const std::string& bytes, const std::string& entry) {
  const TempFile file(bytes);
  return Output("ffprobe -v error -of default=nw=1:nk=1 -show_entries " + entry + " " +
                file.path());
}

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_UNIT_AUDIO_MEDIA_PROGRAMS_H_
