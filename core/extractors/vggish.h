// VGGish's features of sounds.
#ifndef VIDMUSE_EXTRACTORS_VGGISH_H_
#define VIDMUSE_EXTRACTORS_VGGISH_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/extractors/extractor.h"

namespace vidmuse {

// As audioldm_eval computes them for the Frechet audio distance: the sound of AudioldmSound at 16
// kHz, in windows of 0.96 s that don't overlap, [windows, 128] before the last ReLU and without the
// quantization to 8 bits. What is left of the last window is dropped. The file is torchvggish's
// state dict; its widths are those of the tensors in it. Errors are those of OpenSoundExtractor.
absl::StatusOr<std::unique_ptr<SoundExtractor>> OpenVggish(const std::string& path);

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_VGGISH_H_
