// What an extractor makes of a sound or a video, and a sound as it comes from a file.
#ifndef VIDMUSE_EXTRACTORS_FEATURES_H_
#define VIDMUSE_EXTRACTORS_FEATURES_H_

#include <cstdint>
#include <string>
#include <vector>

namespace vidmuse {

// Numbers of shape [rows, columns], row-major.
struct FeatureMatrix {
  int64_t rows = 0;
  int64_t columns = 0;
  std::vector<float> values;
};

// A decoded sound at its file's own rate and with its file's own channels.
struct Sound {
  int sample_rate = 0;                       // Hz
  std::vector<std::vector<float>> channels;  // [C][T], at least one, equally long, in about [-1, 1]
};

// What a network makes of one file.
struct Features {
  // [N, D]: a row for the whole file, or for each window of it, as the extractor says.
  FeatureMatrix embeddings;
  // [N, classes] before softmax or sigmoid; empty if the network names no classes.
  FeatureMatrix logits;
};

// What a reader of a measure needs to know of the network behind it.
struct ExtractorInfo {
  std::string name;       // for example "cnn14_16k"
  std::string file;       // the weights' file name, as published
  std::string sha256;     // of that file, 64 hexadecimal digits
  std::string resampler;  // for example "torchaudio sinc_interp_hann 16000 Hz"
};

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_FEATURES_H_
