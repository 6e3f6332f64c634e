// Reads a checkpoint's configuration key by key, with errors that name the key and its value.
#ifndef VIDMUSE_MODEL_CHECKPOINT_CONFIG_READER_H_
#define VIDMUSE_MODEL_CHECKPOINT_CONFIG_READER_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace YAML {
class Node;
}

namespace vidmuse {

// A YAML document of up to 256 KiB whose root is a map; JSON is YAML too. A key is a path, for
// example "rvq.bins". A value "${a.b}" stands for the value of a.b, which is OmegaConf's
// interpolation. Every error is INVALID_ARGUMENT. Used by one thread.
class ConfigReader {
 public:
  static absl::StatusOr<ConfigReader> Parse(absl::string_view text);

  ConfigReader(ConfigReader&&) noexcept;
  ~ConfigReader();

  // Returns whether the key is there and isn't null.
  bool Has(absl::string_view key) const;

  // Returns the value, which must be in [min, max].
  absl::StatusOr<int> Int(absl::string_view key, int min, int max) const;
  absl::StatusOr<double> Number(absl::string_view key, double min, double max) const;
  absl::StatusOr<std::string> String(absl::string_view key) const;
  // Returns the list's items, at most 16, each of which must be in [min, max].
  absl::StatusOr<std::vector<int>> Ints(absl::string_view key, int min, int max) const;
  absl::StatusOr<std::vector<double>> Numbers(absl::string_view key, double min, double max) const;

  // Return an error unless the option has the only supported value. `supported` is "null" for null,
  // "[]" for an empty list or map, and "[item]" for a list of one item. A missing key is an error
  // for Require, but not for Allow.
  absl::Status Require(absl::string_view key, absl::string_view supported) const;
  absl::Status Allow(absl::string_view key, absl::string_view supported) const;

 private:
  explicit ConfigReader(std::unique_ptr<YAML::Node> root);

  // Returns the value at `key` after interpolation, or nullopt if there is none.
  std::optional<YAML::Node> Find(absl::string_view key) const;
  absl::StatusOr<YAML::Node> Get(absl::string_view key) const;
  template <typename T>
  absl::StatusOr<T> Ranged(absl::string_view key, const YAML::Node& node, T min, T max) const;
  template <typename T>
  absl::StatusOr<std::vector<T>> List(absl::string_view key, T min, T max) const;

  std::unique_ptr<YAML::Node> root_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CHECKPOINT_CONFIG_READER_H_
