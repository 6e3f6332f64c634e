// The sizes of an HTDemucs network, and where its file says them.
#ifndef VIDMUSE_EXTRACTORS_HTDEMUCS_CONFIG_H_
#define VIDMUSE_EXTRACTORS_HTDEMUCS_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/checkpoint/tensor_file.h"

namespace vidmuse {

// The defaults are those of the published model "htdemucs".
struct HtDemucsConfig {
  std::vector<std::string> sources = {"drums", "bass", "other", "vocals"};
  int64_t audio_channels = 2;
  int64_t sample_rate = 44100;  // Hz
  int64_t segment = 343'980;    // samples that the network takes at once: 7.8 s

  // The convolutions of both branches. Each encoder layer divides frequencies, or samples, by
  // kStride, and multiplies the channels by `growth`.
  int64_t channels = 48;  // after the first encoder layer
  int64_t growth = 2;
  int64_t depth = 4;
  int64_t fft = 4096;  // samples of a spectrogram's frame, which moves by a quarter of that
  double embedding_weight = 0.2;
  double embedding_scale = 10;
  int64_t dconv_depth = 2;
  int64_t dconv_compression = 8;

  // The transformer between encoders and decoders.
  int64_t bottom_channels = 512;
  int64_t transformer_layers = 5;
  int64_t heads = 8;
  double hidden_scale = 4;  // width of the feed-forward layers / bottom_channels
  double max_period = 10'000;
  double position_weight = 1;

  static constexpr int64_t kKernel = 8;
  static constexpr int64_t kStride = 4;

  int64_t hop() const { return fft / 4; }
  int64_t bins() const { return fft / 2; }
  int64_t frames() const { return (segment + hop() - 1) / hop(); }
  // The channels after encoder layer `layer`.
  int64_t ChannelsAfter(int64_t layer) const;
  int64_t hidden() const {
    return static_cast<int64_t>(static_cast<double>(bottom_channels) * hidden_scale);
  }
};

// Reads "kwargs", the arguments of the model's constructor. What isn't there has the constructor's
// default; a file without "kwargs" holds the published sizes. INVALID_ARGUMENT names an argument
// that is out of range, or a variant of the network that isn't supported.
absl::StatusOr<HtDemucsConfig> ReadHtDemucsConfig(const TensorFile& file);

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_HTDEMUCS_CONFIG_H_
