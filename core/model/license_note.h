// Reads the licence note of a model's folder.
#ifndef VIDMUSE_MODEL_LICENSE_NOTE_H_
#define VIDMUSE_MODEL_LICENSE_NOTE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace vidmuse {

inline constexpr char kLicenseNoteFile[] = "license_note.txt";
inline constexpr size_t kMaxLicenseNoteBytes = 4096;

// Returns the text of MODEL_DIR/license_note.txt without white space at its ends, or an empty
// string if there is no such file. INVALID_ARGUMENT: it can't be read, is longer than 4 KiB, or
// isn't UTF-8.
absl::StatusOr<std::string> ReadLicenseNote(const std::string& model_dir);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_LICENSE_NOTE_H_
