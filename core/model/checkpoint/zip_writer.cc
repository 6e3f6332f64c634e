#include "core/model/checkpoint/zip_writer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/model/checkpoint/little_endian.h"

namespace vidmuse {
namespace {

constexpr uint64_t kAlignment = 64;
constexpr size_t kLocalHeaderSize = 30;
constexpr size_t kMaxName = 1000;
constexpr uint32_t kInZip64 = 0xffffffff;
constexpr uint16_t kVersion = 45;  // the first with zip64
constexpr uint16_t kUtf8 = 0x0800;
constexpr uint16_t kZip64Field = 1;
// "FB", with which torch.save marks its padding.
constexpr uint16_t kPaddingField = 0x4246;
// Midnight of 1980-01-01, the earliest time. It is constant, so equal contents make equal files.
constexpr uint32_t kTime = 0x00210000;

uint32_t Narrow(uint64_t value) {
  return value < kInZip64 ? static_cast<uint32_t>(value) : kInZip64;
}

// Appends the fields that local and central headers share.
void AppendCommon(uint32_t crc, uint64_t size, size_t name_size, size_t extra_size,
                  std::string* out) {
  AppendLittle<uint16_t>(kVersion, out);
  AppendLittle<uint16_t>(kUtf8, out);
  AppendLittle<uint16_t>(0, out);  // stored
  AppendLittle<uint32_t>(kTime, out);
  AppendLittle<uint32_t>(crc, out);
  AppendLittle<uint32_t>(Narrow(size), out);
  AppendLittle<uint32_t>(Narrow(size), out);
  AppendLittle<uint16_t>(static_cast<uint16_t>(name_size), out);
  AppendLittle<uint16_t>(static_cast<uint16_t>(extra_size), out);
}

std::string Zip64Extra(uint64_t size, uint64_t offset) {
  std::string values;
  if (size >= kInZip64) {
    AppendLittle<uint64_t>(size, &values);
    AppendLittle<uint64_t>(size, &values);
  }
  if (offset >= kInZip64) AppendLittle<uint64_t>(offset, &values);
  if (values.empty()) return values;
  std::string extra;
  AppendLittle<uint16_t>(kZip64Field, &extra);
  AppendLittle<uint16_t>(static_cast<uint16_t>(values.size()), &extra);
  return extra + values;
}

}  // namespace

ZipWriter::ZipWriter(std::string path, std::string temporary, int fd)
    : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd) {}

ZipWriter::~ZipWriter() {
  if (fd_ < 0) return;
  close(fd_);
  unlink(temporary_.c_str());
}

absl::StatusOr<std::unique_ptr<ZipWriter>> ZipWriter::Create(const std::string& path) {
  std::string temporary = path + ".XXXXXX";
  const int fd = mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot create ", temporary));
  std::unique_ptr<ZipWriter> writer(new ZipWriter(path, temporary, fd));
  if (fchmod(fd, 0644) != 0) return writer->Error("set the mode of");
  return writer;
}

absl::Status ZipWriter::Error(absl::string_view what) const {
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot ", what, " ", temporary_));
}

absl::Status ZipWriter::Write(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd_, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return Error("write");
    }
    offset_ += static_cast<uint64_t>(written);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status ZipWriter::Add(absl::string_view name, absl::string_view contents) {
  if (name.size() > kMaxName)
    return absl::InvalidArgumentError("the name of a zip entry is too long");
  const auto crc = static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const unsigned char*>(contents.data()), contents.size()));
  std::string extra = Zip64Extra(contents.size(), 0);
  const uint64_t unpadded = offset_ + kLocalHeaderSize + name.size() + extra.size() + 4;
  const uint64_t padding = (kAlignment - unpadded % kAlignment) % kAlignment;
  AppendLittle<uint16_t>(kPaddingField, &extra);
  AppendLittle<uint16_t>(static_cast<uint16_t>(padding), &extra);
  extra.append(padding, 'Z');

  entries_.push_back({std::string(name), crc, contents.size(), offset_});
  std::string header;
  AppendLittle<uint32_t>(0x04034b50, &header);
  AppendCommon(crc, contents.size(), name.size(), extra.size(), &header);
  absl::StrAppend(&header, name, extra);
  RETURN_IF_ERROR(Write(header));
  return Write(contents);
}

absl::Status ZipWriter::Finish() {
  const uint64_t directory = offset_;
  std::string out;
  for (const Entry& entry : entries_) {
    const std::string extra = Zip64Extra(entry.size, entry.offset);
    AppendLittle<uint32_t>(0x02014b50, &out);
    AppendLittle<uint16_t>(kVersion, &out);  // made by
    AppendCommon(entry.crc, entry.size, entry.name.size(), extra.size(), &out);
    out.append(10, '\0');  // comment's size, disk, attributes
    AppendLittle<uint32_t>(Narrow(entry.offset), &out);
    absl::StrAppend(&out, entry.name, extra);
  }
  const uint64_t directory_size = out.size();
  const uint64_t zip64_end = directory + directory_size;

  AppendLittle<uint32_t>(0x06064b50, &out);
  AppendLittle<uint64_t>(44, &out);  // bytes that follow
  AppendLittle<uint16_t>(kVersion, &out);
  AppendLittle<uint16_t>(kVersion, &out);
  AppendLittle<uint64_t>(0, &out);  // disks
  AppendLittle<uint64_t>(entries_.size(), &out);
  AppendLittle<uint64_t>(entries_.size(), &out);
  AppendLittle<uint64_t>(directory_size, &out);
  AppendLittle<uint64_t>(directory, &out);

  AppendLittle<uint32_t>(0x07064b50, &out);
  AppendLittle<uint32_t>(0, &out);  // disk
  AppendLittle<uint64_t>(zip64_end, &out);
  AppendLittle<uint32_t>(1, &out);  // disks

  const auto count = static_cast<uint16_t>(std::min<size_t>(entries_.size(), 0xffff));
  AppendLittle<uint32_t>(0x06054b50, &out);
  AppendLittle<uint32_t>(0, &out);  // disks
  AppendLittle<uint16_t>(count, &out);
  AppendLittle<uint16_t>(count, &out);
  AppendLittle<uint32_t>(Narrow(directory_size), &out);
  AppendLittle<uint32_t>(Narrow(directory), &out);
  AppendLittle<uint16_t>(0, &out);  // comment's size

  RETURN_IF_ERROR(Write(out));
  if (fsync(fd_) != 0) return Error("write");
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot rename ", temporary_, " to ", path_));
  }
  close(fd_);
  fd_ = -1;
  return absl::OkStatus();
}

}  // namespace vidmuse
