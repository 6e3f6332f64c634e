// Files of the networks that measure sounds, in their published layout, whose weights are hashes of
// their names.
#ifndef VIDMUSE_TESTS_SUPPORT_SOUND_NETWORK_FILES_H_
#define VIDMUSE_TESTS_SUPPORT_SOUND_NETWORK_FILES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace vidmuse {

enum class NetworkSizes {
  kSmall,      // narrow convolutions, with which the goldens were recorded
  kPublished,  // 320 MB for CNN14, 290 MB for VGGish as float32; half of that in these files
};

// A CNN14 at 16 or 32 kHz. Cnn14_DecisionLevelMax has the same tensors as the one at 32 kHz.
// As published, its state dict is "model", beside training's counter.
absl::Status WriteCnn14(int sample_rate, NetworkSizes sizes, const std::string& path);

// As published, the file is a state dict.
absl::Status WriteVggish(NetworkSizes sizes, const std::string& path);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_SOUND_NETWORK_FILES_H_
