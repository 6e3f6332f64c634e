// Opens a network's published file.
#ifndef VIDMUSE_EXTRACTORS_PUBLISHED_FILE_H_
#define VIDMUSE_EXTRACTORS_PUBLISHED_FILE_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/extractors/features.h"
#include "core/model/checkpoint/weight_reader.h"

namespace vidmuse {

// Opens the torch.save file at `path`, whatever else it holds, calls `load` with its tensors whose
// names begin with `prefix`, or with all of them if none does, and fills in info.file and
// info.sha256. NOT_FOUND: there is no such file. INVALID_ARGUMENT names it: it is damaged, or
// `load` returned NOT_FOUND, so it lacks a tensor. Otherwise the error is that of `load`.
absl::Status LoadPublished(const std::string& path, const std::string& prefix,
                           absl::FunctionRef<absl::Status(WeightReader&)> load,
                           ExtractorInfo& info);

// Returns a file's SHA-256 as 64 hexadecimal digits. NOT_FOUND: there is no such file.
absl::StatusOr<std::string> Sha256OfFile(const std::string& path);

}  // namespace vidmuse

#endif  // VIDMUSE_EXTRACTORS_PUBLISHED_FILE_H_
