#include "core/model/checkpoint/config_reader.h"

#include <exception>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/base/status_macros.h"
#include "yaml-cpp/yaml.h"

namespace vidmuse {
namespace {

constexpr size_t kMaxText = 256 << 10;
constexpr size_t kMaxItems = 16;
constexpr int kMaxInterpolations = 8;
constexpr size_t kMaxShown = 64;

absl::Status Invalid(absl::string_view what) { return absl::InvalidArgumentError(what); }

// Writes a value for errors and comparisons.
std::string Show(const YAML::Node& node) {
  if (node.IsNull()) return "null";
  if (node.IsScalar()) return absl::CHexEscape(node.Scalar().substr(0, kMaxShown));
  if (node.size() == 0) return "[]";
  if (node.IsSequence() && node.size() == 1 && node[0].IsScalar()) {
    return absl::StrCat("[", Show(node[0]), "]");
  }
  return node.IsSequence() ? "a list" : "a map";
}

bool Matches(const YAML::Node& node, absl::string_view supported) {
  // YAML can write the same bool or number in many ways.
  bool flag;
  if (supported == "true" || supported == "false") {
    return node.IsScalar() && YAML::convert<bool>::decode(node, flag) &&
           flag == (supported == "true");
  }
  double number, expected;
  if (node.IsScalar() && YAML::convert<double>::decode(node, number) &&
      YAML::convert<double>::decode(YAML::Node(std::string(supported)), expected)) {
    return number == expected;
  }
  return Show(node) == supported;
}

}  // namespace

ConfigReader::ConfigReader(std::unique_ptr<YAML::Node> root) : root_(std::move(root)) {}
ConfigReader::ConfigReader(ConfigReader&&) noexcept = default;
ConfigReader::~ConfigReader() = default;

absl::StatusOr<ConfigReader> ConfigReader::Parse(absl::string_view text) {
  if (text.size() > kMaxText) {
    return Invalid(
        absl::StrCat("a configuration of ", text.size(), " bytes is longer than ", kMaxText));
  }
  try {
    auto root = std::make_unique<YAML::Node>(YAML::Load(std::string(text)));
    if (!root->IsMap()) return Invalid("the configuration is not a map");
    return ConfigReader(std::move(root));
  } catch (const std::exception& e) {
    return Invalid(absl::StrCat("the configuration is not valid: ", absl::CHexEscape(e.what())));
  }
}

std::optional<YAML::Node> ConfigReader::Find(absl::string_view key) const {
  std::string path(key);
  for (int i = 0; i <= kMaxInterpolations; ++i) {
    YAML::Node node = *root_;
    for (const absl::string_view part : absl::StrSplit(path, '.')) {
      if (!node.IsMap()) return std::nullopt;
      // The node is const, because a lookup in a mutable one would add the key.
      const YAML::Node child = std::as_const(node)[std::string(part)];
      if (!child.IsDefined()) return std::nullopt;
      node.reset(child);
    }
    if (!node.IsScalar()) return node;
    absl::string_view scalar = node.Scalar();
    if (!absl::ConsumePrefix(&scalar, "${") || !absl::ConsumeSuffix(&scalar, "}")) return node;
    path = std::string(scalar);
  }
  return std::nullopt;
}

absl::StatusOr<YAML::Node> ConfigReader::Get(absl::string_view key) const {
  std::optional<YAML::Node> node = Find(key);
  if (!node.has_value()) return Invalid(absl::StrCat("'", key, "' is missing"));
  return *std::move(node);
}

bool ConfigReader::Has(absl::string_view key) const {
  const std::optional<YAML::Node> node = Find(key);
  return node.has_value() && !node->IsNull();
}

template <typename T>
absl::StatusOr<T> ConfigReader::Ranged(absl::string_view key, const YAML::Node& node, T min,
                                       T max) const {
  T value;
  // The comparisons are written so that NaN fails.
  if (!node.IsScalar() || !YAML::convert<T>::decode(node, value) ||
      !(value >= min && value <= max)) {
    return Invalid(
        absl::StrCat("'", key, "' is ", Show(node), ", expected a number from ", min, " to ", max));
  }
  return value;
}

template <typename T>
absl::StatusOr<std::vector<T>> ConfigReader::List(absl::string_view key, T min, T max) const {
  ASSIGN_OR_RETURN(const YAML::Node node, Get(key));
  if (!node.IsSequence() || node.size() > kMaxItems) {
    return Invalid(absl::StrCat("'", key, "' is ", Show(node), ", expected a list of up to ",
                                kMaxItems, " numbers"));
  }
  std::vector<T> values;
  for (size_t i = 0; i < node.size(); ++i) {
    ASSIGN_OR_RETURN(const T value, Ranged<T>(key, node[i], min, max));
    values.push_back(value);
  }
  return values;
}

absl::StatusOr<int> ConfigReader::Int(absl::string_view key, int min, int max) const {
  ASSIGN_OR_RETURN(const YAML::Node node, Get(key));
  return Ranged<int>(key, node, min, max);
}

absl::StatusOr<double> ConfigReader::Number(absl::string_view key, double min, double max) const {
  ASSIGN_OR_RETURN(const YAML::Node node, Get(key));
  return Ranged<double>(key, node, min, max);
}

absl::StatusOr<std::string> ConfigReader::String(absl::string_view key) const {
  ASSIGN_OR_RETURN(const YAML::Node node, Get(key));
  if (!node.IsScalar())
    return Invalid(absl::StrCat("'", key, "' is ", Show(node), ", expected a string"));
  return node.Scalar();
}

absl::StatusOr<std::vector<int>> ConfigReader::Ints(absl::string_view key, int min, int max) const {
  return List<int>(key, min, max);
}

absl::StatusOr<std::vector<double>> ConfigReader::Numbers(absl::string_view key, double min,
                                                          double max) const {
  return List<double>(key, min, max);
}

absl::Status ConfigReader::Require(absl::string_view key, absl::string_view supported) const {
  RETURN_IF_ERROR(Get(key).status());
  return Allow(key, supported);
}

absl::Status ConfigReader::Allow(absl::string_view key, absl::string_view supported) const {
  const std::optional<YAML::Node> node = Find(key);
  if (!node.has_value() || Matches(*node, supported)) return absl::OkStatus();
  return Invalid(
      absl::StrCat("'", key, "' is ", Show(*node), ", only ", supported, " is supported"));
}

}  // namespace vidmuse
