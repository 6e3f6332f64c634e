// Finds the entries of a zip file as torch.save writes it: stored without compression, with zip64
// where needed.
#ifndef VIDMUSE_MODEL_CHECKPOINT_ZIP_DIRECTORY_H_
#define VIDMUSE_MODEL_CHECKPOINT_ZIP_DIRECTORY_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace vidmuse {

// Returns the entries' contents by name, as parts of `bytes`. INVALID_ARGUMENT: it isn't a zip file
// or is truncated, or an entry is compressed, encrypted or reaches outside the file. Checksums
// aren't checked, because that would read every page. Format: PKWARE APPNOTE.TXT 6.3,
// sections 4.3.6 to 4.3.16.
absl::StatusOr<std::map<std::string, absl::string_view>> ReadZipDirectory(absl::string_view bytes);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CHECKPOINT_ZIP_DIRECTORY_H_
