// Keeps what was computed from a file, for the next run.
#ifndef VIDMUSE_EVALUATE_FEATURE_CACHE_H_
#define VIDMUSE_EVALUATE_FEATURE_CACHE_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/extractors/features.h"

namespace vidmuse::evaluate {

// Returns the hash of a file's content: 32 hexadecimal digits. NOT_FOUND: it can't be read.
absl::StatusOr<std::string> HashFile(const std::string& path);

// A file for each pair of a content and a computation. Files are written whole and renamed, so
// several processes can share a folder. Thread-safe.
class FeatureCache {
 public:
  // Makes the folder. An empty name: nothing is kept. INVALID_ARGUMENT: it can't be made.
  static absl::StatusOr<std::unique_ptr<FeatureCache>> Open(const std::string& folder);

  bool keeps() const { return !folder_.empty(); }

  // Returns what was put under these keys. nullopt: nothing was, or the file is damaged.
  // `computation` must say all that the result depends on beside the content.
  std::optional<std::string> Get(absl::string_view content, absl::string_view computation) const;

  // UNAVAILABLE: the file can't be written.
  absl::Status Put(absl::string_view content, absl::string_view computation,
                   absl::string_view value) const;

 private:
  explicit FeatureCache(std::string folder) : folder_(std::move(folder)) {}
  std::string Path(absl::string_view content, absl::string_view computation) const;

  const std::string folder_;
};

// Features as bytes, and back. nullopt: `bytes` isn't what PackFeatures makes.
std::string PackFeatures(const Features& features);
std::optional<Features> UnpackFeatures(absl::string_view bytes);

// What the result of an extractor depends on beside the file.
std::string ComputationOf(const ExtractorInfo& info);

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_FEATURE_CACHE_H_
