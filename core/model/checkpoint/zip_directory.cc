#include "core/model/checkpoint/zip_directory.h"

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/checkpoint/little_endian.h"

namespace vidmuse {
namespace {

constexpr uint32_t kLocalHeader = 0x04034b50;
constexpr uint32_t kCentralHeader = 0x02014b50;
constexpr uint32_t kEnd = 0x06054b50;
constexpr uint32_t kZip64End = 0x06064b50;
constexpr uint32_t kZip64Locator = 0x07064b50;
constexpr size_t kLocalHeaderSize = 30;
constexpr size_t kCentralHeaderSize = 46;
constexpr size_t kEndSize = 22;
constexpr size_t kZip64EndSize = 56;
constexpr size_t kZip64LocatorSize = 20;
constexpr uint32_t kInZip64 = 0xffffffff;
constexpr uint16_t kZip64Field = 1;
constexpr uint64_t kMaxEntries = 100000;

struct Directory {
  uint64_t entries;
  uint64_t offset;
  uint64_t size;
};

struct Entry {
  std::string name;
  uint64_t stored_size;
  uint64_t size;
  uint64_t offset;  // of the local header
};

absl::Status Invalid(absl::string_view what) { return absl::InvalidArgumentError(what); }

bool Has(absl::string_view bytes, uint64_t offset, uint32_t signature, size_t size) {
  return offset <= bytes.size() && bytes.size() - offset >= size &&
         LoadLittle<uint32_t>(bytes.data() + offset) == signature;
}

absl::StatusOr<Directory> FindDirectory(absl::string_view bytes) {
  if (bytes.size() < kEndSize || !Has(bytes, bytes.size() - kEndSize, kEnd, kEndSize)) {
    return Invalid("no zip directory at the end: the file is cut short or is not a zip file");
  }
  const size_t end_offset = bytes.size() - kEndSize;
  const char* end = bytes.data() + end_offset;
  Directory directory = {LoadLittle<uint16_t>(end + 10), LoadLittle<uint32_t>(end + 16),
                         LoadLittle<uint32_t>(end + 12)};
  if (end_offset >= kZip64LocatorSize &&
      Has(bytes, end_offset - kZip64LocatorSize, kZip64Locator, kZip64LocatorSize)) {
    const uint64_t at = LoadLittle<uint64_t>(end - kZip64LocatorSize + 8);
    if (!Has(bytes, at, kZip64End, kZip64EndSize)) return Invalid("bad zip64 directory offset");
    const char* zip64 = bytes.data() + at;
    directory = {LoadLittle<uint64_t>(zip64 + 32), LoadLittle<uint64_t>(zip64 + 48),
                 LoadLittle<uint64_t>(zip64 + 40)};
  }
  if (directory.offset > end_offset || directory.size > end_offset - directory.offset) {
    return Invalid("the zip directory lies outside the file");
  }
  if (directory.entries > kMaxEntries) {
    return Invalid(absl::StrCat("the zip directory has ", directory.entries, " entries, more than ",
                                kMaxEntries));
  }
  return directory;
}

// Takes 64-bit values from the entry's zip64 field. It only has those that didn't fit into 32 bits,
// in the order of the code below.
absl::Status ReadZip64Field(absl::string_view extra, Entry* entry) {
  while (extra.size() >= 4) {
    const uint16_t id = LoadLittle<uint16_t>(extra.data());
    const uint16_t size = LoadLittle<uint16_t>(extra.data() + 2);
    extra.remove_prefix(4);
    if (size > extra.size()) break;
    if (id == kZip64Field) {
      absl::string_view values = extra.substr(0, size);
      for (uint64_t* value : {&entry->size, &entry->stored_size, &entry->offset}) {
        if (*value != kInZip64) continue;
        if (values.size() < 8) return Invalid(absl::StrCat("bad zip64 field of ", entry->name));
        *value = LoadLittle<uint64_t>(values.data());
        values.remove_prefix(8);
      }
      return absl::OkStatus();
    }
    extra.remove_prefix(size);
  }
  return absl::OkStatus();
}

// Reads the directory's next entry and removes it from `rest`.
absl::StatusOr<Entry> ReadEntry(absl::string_view* rest) {
  if (!Has(*rest, 0, kCentralHeader, kCentralHeaderSize)) return Invalid("bad zip directory");
  const char* header = rest->data();
  const uint16_t flags = LoadLittle<uint16_t>(header + 8);
  const uint16_t method = LoadLittle<uint16_t>(header + 10);
  const size_t name_size = LoadLittle<uint16_t>(header + 28);
  const size_t extra_size = LoadLittle<uint16_t>(header + 30);
  const size_t comment_size = LoadLittle<uint16_t>(header + 32);
  if (rest->size() - kCentralHeaderSize < name_size + extra_size + comment_size) {
    return Invalid("bad zip directory");
  }
  Entry entry;
  entry.name = std::string(rest->substr(kCentralHeaderSize, name_size));
  entry.stored_size = LoadLittle<uint32_t>(header + 20);
  entry.size = LoadLittle<uint32_t>(header + 24);
  entry.offset = LoadLittle<uint32_t>(header + 42);
  RETURN_IF_ERROR(ReadZip64Field(rest->substr(kCentralHeaderSize + name_size, extra_size), &entry));
  if (method != 0 || (flags & 1) != 0 || entry.size != entry.stored_size) {
    return Invalid(absl::StrCat("entry '", absl::CEscape(entry.name),
                                "' is compressed or encrypted; torch.save stores entries plainly"));
  }
  rest->remove_prefix(kCentralHeaderSize + name_size + extra_size + comment_size);
  return entry;
}

absl::StatusOr<absl::string_view> Contents(absl::string_view bytes, const Entry& entry) {
  if (!Has(bytes, entry.offset, kLocalHeader, kLocalHeaderSize)) {
    return Invalid(absl::StrCat("entry '", absl::CEscape(entry.name), "' has no local header"));
  }
  const char* header = bytes.data() + entry.offset;
  const uint64_t start = entry.offset + kLocalHeaderSize + LoadLittle<uint16_t>(header + 26) +
                         LoadLittle<uint16_t>(header + 28);
  if (start > bytes.size() || entry.size > bytes.size() - start) {
    return Invalid(
        absl::StrCat("entry '", absl::CEscape(entry.name), "' reaches outside the file"));
  }
  return bytes.substr(start, entry.size);
}

}  // namespace

absl::StatusOr<std::map<std::string, absl::string_view>> ReadZipDirectory(absl::string_view bytes) {
  ASSIGN_OR_RETURN(const Directory directory, FindDirectory(bytes));
  const absl::string_view before = bytes.substr(0, directory.offset);
  absl::string_view rest = bytes.substr(directory.offset, directory.size);
  std::map<std::string, absl::string_view> contents;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    ASSIGN_OR_RETURN(const Entry entry, ReadEntry(&rest));
    ASSIGN_OR_RETURN(const absl::string_view data, Contents(before, entry));
    if (!contents.emplace(entry.name, data).second) {
      return Invalid(absl::StrCat("entry '", absl::CEscape(entry.name), "' is there twice"));
    }
  }
  return contents;
}

}  // namespace vidmuse
