#include "core/model/checkpoint/torch_file_writer.h"

#include <zlib.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "core/model/checkpoint/little_endian.h"
#include "core/model/checkpoint/tensor_file.h"
#include "core/model/checkpoint/zip_directory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/model/checkpoint_test_util.h"

namespace vidmuse {
namespace {

using ::testing::HasSubstr;

bool SameBytes(const TensorView& a, const TensorView& b) {
  return a.dtype == b.dtype && a.shape == b.shape &&
         (a.elements() == 0 || std::memcmp(a.data, b.data, a.elements() * DTypeSize(a.dtype)) == 0);
}

// Writes all of `file` to `path`.
absl::Status Copy(const TensorFile& file, const std::string& path) {
  auto writer = TorchFileWriter::Create(path);
  if (!writer.ok()) return writer.status();
  for (const auto& [name, tensor] : file.tensors()) {
    if (absl::Status status = (*writer)->AddTensor(name, tensor); !status.ok()) return status;
  }
  for (const auto& [name, text] : file.strings()) {
    if (absl::Status status = (*writer)->AddString(name, text); !status.ok()) return status;
  }
  return (*writer)->Finish();
}

TEST(TorchFileWriterTest, WhatIsWrittenReadsBackTheSame) {
  const TempDirectory directory;
  const std::string path = directory.path("copy.pt");
  for (const char* name : {"features.pt", "flat.pt"}) {
    const auto original = TensorFile::OpenTorch(DataPath(std::string("checkpoint/") + name));
    ASSERT_TRUE(original.ok()) << original.status();
    ASSERT_TRUE(Copy(**original, path).ok());
    const auto copy = TensorFile::OpenTorch(path);
    ASSERT_TRUE(copy.ok()) << copy.status();
    EXPECT_EQ((*copy)->strings(), (*original)->strings());
    ASSERT_EQ((*copy)->tensors().size(), (*original)->tensors().size());
    for (const auto& [tensor_name, tensor] : (*original)->tensors()) {
      EXPECT_TRUE(SameBytes((*copy)->tensors().at(tensor_name), tensor)) << tensor_name;
    }
  }
}

TEST(TorchFileWriterTest, EntriesAreAlignedAndTheirChecksumsRight) {
  const TempDirectory directory;
  const std::string path = directory.path("copy.pt");
  const auto original = TensorFile::OpenTorch(DataPath("checkpoint/features.pt"));
  ASSERT_TRUE(original.ok()) << original.status();
  ASSERT_TRUE(Copy(**original, path).ok());
  const std::string bytes = ReadFile(path);
  const auto entries = ReadZipDirectory(bytes);
  ASSERT_TRUE(entries.ok()) << entries.status();
  EXPECT_EQ(entries->at("archive/byteorder"), "little");
  EXPECT_EQ(entries->at("archive/version"), "3\n");
  for (const auto& [name, contents] : *entries) {
    const auto at = static_cast<size_t>(contents.data() - bytes.data());
    EXPECT_EQ(at % 64, 0u) << name;
    const size_t central = bytes.find(name, bytes.find("PK\1\2")) - 46;
    EXPECT_EQ(LoadLittle<uint32_t>(bytes.data() + central + 16),
              crc32_z(0, reinterpret_cast<const unsigned char*>(contents.data()), contents.size()))
        << name;
  }
}

TEST(TorchFileWriterTest, TheFileAppearsWhole) {
  const TempDirectory directory;
  const std::string path = directory.path("x.pt");
  {
    auto writer = TorchFileWriter::Create(path);
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE((*writer)->AddString("a", "first").ok());
    EXPECT_FALSE(std::filesystem::exists(path));
    ASSERT_TRUE((*writer)->Finish().ok());
  }
  EXPECT_TRUE(std::filesystem::exists(path));
  {
    auto writer = TorchFileWriter::Create(path);
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE((*writer)->AddString("a", "second").ok());
  }
  EXPECT_EQ((*TensorFile::OpenTorch(path))->strings().at("a"), "first");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory.path()), {}), 1);
}

TEST(TorchFileWriterTest, Errors) {
  EXPECT_THAT(TorchFileWriter::Create("/nowhere/x.pt").status().message(),
              HasSubstr("/nowhere/x.pt"));
  const TempDirectory directory;
  auto writer = TorchFileWriter::Create(directory.path("x.pt"));
  ASSERT_TRUE(writer.ok()) << writer.status();
  EXPECT_TRUE((*writer)->AddString("a", "").ok());
  EXPECT_TRUE((*writer)->AddString("b/c", "").ok());
  EXPECT_THAT((*writer)->AddString("a", "").message(), HasSubstr("'a' is there twice"));
  EXPECT_THAT((*writer)->AddString("a/b", "").message(), HasSubstr("'a/b' is there twice"));
  EXPECT_THAT((*writer)->AddString("b", "").message(), HasSubstr("'b' is there twice"));
}

}  // namespace
}  // namespace vidmuse
