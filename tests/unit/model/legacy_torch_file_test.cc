// Files as published networks come: in torch.save's legacy format, and with more than tensors.
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/model/checkpoint/tensor_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/model/checkpoint_test_util.h"

namespace vidmuse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ReadData(const std::string& name) { return ReadFile(DataPath("checkpoint/" + name)); }

std::string ErrorOf(absl::string_view bytes, OtherValues other = OtherValues::kRefuse) {
  const auto file = TensorFile::ParseTorch(bytes, "some.pth", other);
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << file.status();
  return std::string(file.status().message());
}

std::vector<char> BytesOf(const TensorView& tensor) {
  const auto* first = static_cast<const char*>(tensor.data);
  return {first, first + tensor.elements() * DTypeSize(tensor.dtype)};
}

TEST(LegacyTorchFileTest, HoldsWhatTheZipHolds) {
  const auto legacy = TensorFile::OpenTorch(DataPath("checkpoint/legacy_features.pt"));
  const auto zip = TensorFile::OpenTorch(DataPath("checkpoint/features.pt"));
  ASSERT_TRUE(legacy.ok()) << legacy.status();
  ASSERT_TRUE(zip.ok()) << zip.status();
  int compared = 0;
  for (const auto& [name, tensor] : (*legacy)->tensors()) {
    const TensorView& same = (*zip)->tensors().at(name);
    EXPECT_EQ(tensor.dtype, same.dtype) << name;
    EXPECT_EQ(tensor.shape, same.shape) << name;
    EXPECT_EQ(BytesOf(tensor), BytesOf(same)) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 10 + 3 + 7);  // types, views, and the module's parameters and buffers
}

TEST(LegacyTorchFileTest, TruncationAtEveryByteIsAnError) {
  for (const char* name : {"legacy_features.pt", "legacy_others.pt", "others.pt"}) {
    const std::string whole = ReadData(name);
    ASSERT_TRUE(TensorFile::ParseTorch(whole, name, OtherValues::kSkip).ok()) << name;
    for (size_t size = 0; size < whole.size(); ++size) {
      // A copy of just these bytes, so that a sanitizer sees a read beyond them.
      const std::vector<char> part(whole.begin(), whole.begin() + size);
      ASSERT_FALSE(
          TensorFile::ParseTorch({part.data(), part.size()}, name, OtherValues::kSkip).ok())
          << name << " " << size;
    }
  }
}

// Replaces the only occurrence of `old`.
std::string With(std::string bytes, const std::string& old, const std::string& changed) {
  const size_t at = bytes.rfind(old);
  EXPECT_NE(at, std::string::npos);
  return bytes.replace(at, old.size(), changed);
}

TEST(LegacyTorchFileTest, SaysWhatIsWrong) {
  const std::string whole = ReadData("legacy.pt");
  ASSERT_TRUE(TensorFile::ParseTorch(whole, "x").ok());
  const auto number = [](int64_t value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  const std::string elements = number(24);
  std::string changed = whole;
  changed.pop_back();
  EXPECT_THAT(ErrorOf(changed), HasSubstr("some.pth: cut short in storage"));
  for (const int64_t count : {int64_t{23}, int64_t{-24}, int64_t{1} << 62}) {
    EXPECT_THAT(ErrorOf(With(whole, elements, number(count))),
                HasSubstr(absl::StrCat("has ", count, " elements, not 24")));
  }
  EXPECT_THAT(ErrorOf(With(whole, "M\xe9\x03.", "M\xea\x03.")), HasSubstr("not known"));
  const size_t endian = whole.find("little_endian");
  ASSERT_NE(endian, std::string::npos);
  const size_t yes = whole.find('\x88', endian);
  ASSERT_NE(yes, std::string::npos);
  changed = whole;
  changed[yes] = '\x89';
  EXPECT_THAT(ErrorOf(changed), HasSubstr("big-endian"));
}

TEST(LegacyTorchFileTest, ReadsOverwhatFollows) {
  EXPECT_TRUE(TensorFile::ParseTorch(ReadData("legacy.pt") + "more", "x").ok());
}

TEST(OtherValuesTest, AreRefusedUnlessTheCallerSkipsThem) {
  for (const char* name : {"others.pt", "legacy_others.pt"}) {
    EXPECT_THAT(ErrorOf(ReadData(name)), HasSubstr("not allowed")) << name;
    const auto file =
        TensorFile::OpenTorch(DataPath(absl::StrCat("checkpoint/", name)), OtherValues::kSkip);
    ASSERT_TRUE(file.ok()) << name << ": " << file.status();
    const TensorView& slice = (*file)->tensors().at("model/slice");
    std::vector<float> values(12);
    ASSERT_EQ(slice.shape, std::vector<int64_t>({3, 4}));
    std::memcpy(values.data(), slice.data, values.size() * sizeof(float));
    EXPECT_THAT(values, ElementsAre(12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23));
    EXPECT_EQ((*file)->tensors().size(), 2u);
  }
}

TEST(OtherValuesTest, NothingExecutes) {
  for (const char* name : {"executes.pt", "numpy.pt"}) {
    EXPECT_THAT(ErrorOf(ReadData(name)), HasSubstr("not allowed"));
    EXPECT_TRUE(TensorFile::ParseTorch(ReadData(name), name, OtherValues::kSkip).ok());
  }
}

}  // namespace
}  // namespace vidmuse
