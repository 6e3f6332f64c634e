// Opens towers of imagebind_huge.pth, each once.
#ifndef VIDMUSE_EXTRACTORS_IMAGEBIND_FILE_H_
#define VIDMUSE_EXTRACTORS_IMAGEBIND_FILE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/extractors/features.h"
#include "core/extractors/imagebind_tower.h"

namespace vidmuse {

struct ImageBindFile {
  std::unique_ptr<const ImageBindTower> tower;
  ExtractorInfo info;  // of the file alone
};

// Loads a tower, or returns the one that is still in use, unless the file has changed since: the
// tower of pictures takes 2.5 GB. Errors are those of OpenSoundExtractor. Thread-safe; one tower is
// loaded at a time.
absl::StatusOr<std::shared_ptr<const ImageBindFile>> OpenImageBindFile(const std::string& path,
                                                                       ImageBindModality modality);

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_IMAGEBIND_FILE_H_
