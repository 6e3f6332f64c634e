// WAV files for tests.
#ifndef VIDMUSE_TESTS_SUPPORT_WAV_FILE_H_
#define VIDMUSE_TESTS_SUPPORT_WAV_FILE_H_

#include <cmath>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace vidmuse {

// A whole file. `samples` are [n][channels] and int16_t or float.
template <typename Sample>
std::string WavFile(int sample_rate, int channels, const std::vector<Sample>& samples) {
  std::string file;
  const auto put = [&file](uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) file.push_back(static_cast<char>(value >> 8 * i));
  };
  const auto width = static_cast<uint32_t>(channels * sizeof(Sample));
  const auto size = static_cast<uint32_t>(samples.size() * sizeof(Sample));
  file += "RIFF";
  put(36 + size, 4);
  file += "WAVEfmt ";
  put(16, 4);
  put(std::is_same_v<Sample, float> ? 3 : 1, 2);
  put(static_cast<uint32_t>(channels), 2);
  put(static_cast<uint32_t>(sample_rate), 4);
  put(static_cast<uint32_t>(sample_rate) * width, 4);
  put(width, 2);
  put(8 * sizeof(Sample), 2);
  file += "data";
  put(size, 4);
  file.append(reinterpret_cast<const char*>(samples.data()), size);
  return file;
}

// A tone of 440 Hz with a quarter of the full scale.
inline std::string WavTone(int sample_rate, double seconds, int channels = 1) {
  std::vector<int16_t> samples;
  for (int64_t i = 0; i < std::llround(seconds * sample_rate); ++i) {
    const double phase = 2 * 3.14159265358979 * 440 * static_cast<double>(i) / sample_rate;
    const auto sample = static_cast<int16_t>(8192 * std::sin(phase));
    samples.insert(samples.end(), static_cast<size_t>(channels), sample);
  }
  return WavFile(sample_rate, channels, samples);
}

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_WAV_FILE_H_
