#include "core/model/checkpoint/legacy_torch_file.h"

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/checkpoint/little_endian.h"
#include "core/model/checkpoint/parsed_file.h"

namespace vidmuse {
namespace {

using Kind = PickleValue::Kind;

// The pickle of the number 0x1950a86a20f9469cfc6c, with protocol 2.
constexpr absl::string_view kMagic("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
constexpr int64_t kProtocolVersion = 1001;

absl::Status Invalid(absl::string_view what) { return absl::InvalidArgumentError(what); }

// After the magic number come the pickles of the protocol's version, of a dict about the machine,
// of the saved value, and of a list of the storages' keys. Then each storage has its number of
// elements, in 8 bytes, and the elements.
class LegacyReader {
 public:
  LegacyReader(absl::string_view bytes, OtherValues other)
      : rest_(bytes.substr(kMagic.size())), other_(other) {}

  absl::StatusOr<LegacyTorchFile> Read() {
    ASSIGN_OR_RETURN(const Pickle version, NextPickle(OtherValues::kRefuse));
    if (version.root->kind != Kind::kInt || version.root->integer != kProtocolVersion) {
      return Invalid("a version of torch.save's legacy format that is not known");
    }
    ASSIGN_OR_RETURN(const Pickle machine, NextPickle(OtherValues::kRefuse));
    if (!IsLittleEndian(*machine.root)) {
      return Invalid("big-endian files are not supported");
    }
    ASSIGN_OR_RETURN(file_.pickle, NextPickle(other_));
    RETURN_IF_ERROR(CollectStorages());
    ASSIGN_OR_RETURN(const Pickle keys, NextPickle(OtherValues::kRefuse));
    if (keys.root->kind != Kind::kList) return Invalid("the list of its storages is missing");
    for (const PickleValue* key : keys.root->items) RETURN_IF_ERROR(ReadStorage(*key));
    return std::move(file_);
  }

 private:
  absl::StatusOr<Pickle> NextPickle(OtherValues other) {
    ASSIGN_OR_RETURN(Pickle pickle, ParsePickle(rest_, other));
    rest_.remove_prefix(pickle.size);
    return pickle;
  }

  static bool IsLittleEndian(const PickleValue& machine) {
    if (machine.kind != Kind::kDict) return false;
    for (size_t i = 0; i + 1 < machine.items.size(); i += 2) {
      const PickleValue& value = *machine.items[i + 1];
      if (machine.items[i]->text == "little_endian") {
        return value.kind == Kind::kBool && value.integer != 0;
      }
    }
    return false;
  }

  // Notes the storages' types, since only the pickle tells them.
  absl::Status CollectStorages() {
    for (const PickleValue& value : file_.pickle.values) {
      if (value.kind != Kind::kStorage) continue;
      const PickleValue* other = types_.emplace(value.text, &value).first->second;
      if (other->dtype != value.dtype || other->integer != value.integer) {
        return Invalid(absl::StrCat("storage '", absl::CHexEscape(value.text), "' has two types"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status ReadStorage(const PickleValue& key) {
    const std::string name = absl::CHexEscape(key.text);
    const auto type = key.kind == Kind::kString ? types_.find(key.text) : types_.end();
    if (type == types_.end()) return Invalid(absl::StrCat("storage '", name, "' has no type"));
    if (rest_.size() < sizeof(int64_t)) return CutShort(name);
    const auto elements = LoadLittle<int64_t>(rest_.data());
    rest_.remove_prefix(sizeof(int64_t));
    int64_t bytes;
    if (elements != type->second->integer || !ByteCount({elements}, type->second->dtype, &bytes)) {
      return Invalid(absl::StrCat("storage '", name, "' has ", elements, " elements, not ",
                                  type->second->integer));
    }
    if (static_cast<uint64_t>(bytes) > rest_.size()) return CutShort(name);
    if (!file_.storages.emplace(key.text, rest_.substr(0, bytes)).second) {
      return Invalid(absl::StrCat("storage '", name, "' is there twice"));
    }
    rest_.remove_prefix(bytes);
    return absl::OkStatus();
  }

  static absl::Status CutShort(absl::string_view name) {
    return Invalid(absl::StrCat("cut short in storage '", name, "'"));
  }

  absl::string_view rest_;
  const OtherValues other_;
  std::map<absl::string_view, const PickleValue*> types_;  // of the storages, by key
  LegacyTorchFile file_;
};

}  // namespace

bool IsLegacyTorchFile(absl::string_view bytes) { return absl::StartsWith(bytes, kMagic); }

absl::StatusOr<LegacyTorchFile> ReadLegacyTorchFile(absl::string_view bytes, OtherValues other) {
  return LegacyReader(bytes, other).Read();
}

}  // namespace vidmuse
