#include "core/curate/measurement_store.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/content_hash.h"
#include "core/base/small_file.h"
#include "core/base/whole_file.h"

namespace vidmuse::curate {
namespace {

constexpr size_t kMostBytes = 16 << 20;

}  // namespace

MeasurementStore::MeasurementStore(std::string folder) : folder_(std::move(folder)) {}

std::string MeasurementStore::FileOf(absl::string_view stage, absl::string_view id,
                                     absl::string_view ending) const {
  ContentHash hash;
  hash.Add(id);
  return absl::StrCat(folder_, "/", stage, "/", hash.Hex().substr(0, 2), "/", id, ending);
}

std::optional<Json> MeasurementStore::Find(absl::string_view stage, absl::string_view settings,
                                           absl::string_view id) const {
  const absl::StatusOr<std::string> text = ReadSmallFile(FileOf(stage, id, ".json"), kMostBytes);
  if (!text.ok()) return std::nullopt;
  const Json entry = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!entry.is_object() || !entry.contains("settings") || !entry.contains("measured") ||
      entry["settings"] != std::string(settings)) {
    return std::nullopt;
  }
  return entry["measured"];
}

absl::Status MeasurementStore::Save(absl::string_view stage, absl::string_view settings,
                                    absl::string_view id, const Json& measured) const {
  Json entry;
  entry["settings"] = std::string(settings);
  entry["measured"] = measured;
  // Names in files may be in any encoding.
  return WriteWhole(FileOf(stage, id, ".json"),
                    entry.dump(-1, ' ', false, Json::error_handler_t::replace));
}

absl::Status WriteWhole(const std::string& path, absl::string_view bytes) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (error) {
    return absl::UnavailableError(absl::StrCat(path, ": can't be written: ", error.message()));
  }
  return WriteWholeFile(path, bytes);
}

}  // namespace vidmuse::curate
