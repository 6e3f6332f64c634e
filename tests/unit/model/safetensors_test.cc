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

using ::testing::HasSubstr;

std::string File(absl::string_view header, absl::string_view data) {
  const uint64_t size = header.size();
  return absl::StrCat(absl::string_view(reinterpret_cast<const char*>(&size), 8), header, data);
}

std::string ErrorOf(absl::string_view bytes) {
  const auto file = TensorFile::ParseSafetensors(bytes, "some.safetensors");
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << file.status();
  return std::string(file.status().message());
}

// The error of a file with 16 bytes of data.
std::string ErrorOfHeader(absl::string_view header) {
  return ErrorOf(File(header, std::string(16, 'x')));
}

TEST(SafetensorsTest, ReadsWhatTheLibraryWrites) {
  const auto opened = TensorFile::OpenSafetensors(DataPath("checkpoint/flat.safetensors"));
  ASSERT_TRUE(opened.ok()) << opened.status();
  const TensorFile& file = **opened;
  ASSERT_EQ(file.tensors().size(), 4u);
  const TensorView& weight = file.tensors().at("weight");
  EXPECT_EQ(weight.dtype, DType::kFloat32);
  EXPECT_EQ(weight.ShapeString(), "[2, 3, 4]");
  float last;
  std::memcpy(&last, static_cast<const char*>(weight.data) + 23 * sizeof(float), sizeof(last));
  EXPECT_EQ(last, 23);
  EXPECT_EQ(file.tensors().at("half").dtype, DType::kFloat16);
  EXPECT_EQ(file.tensors().at("scalar").ShapeString(), "[]");
  EXPECT_EQ(file.tensors().at("empty").elements(), 0);
  EXPECT_EQ(file.strings().at("format"), "pt");
}

TEST(SafetensorsTest, ReadsTheGoldenCodec) {
  const auto file = TensorFile::OpenSafetensors(DataPath("golden/hf_codec/model.safetensors"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->tensors().size(), 116u);
}

TEST(SafetensorsTest, TruncationAtEveryByteIsAnError) {
  const std::string whole = ReadFile(DataPath("checkpoint/flat.safetensors"));
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::vector<char> part(whole.begin(), whole.begin() + size);
    ASSERT_FALSE(TensorFile::ParseSafetensors({part.data(), part.size()}, "x").ok()) << size;
  }
}

TEST(SafetensorsTest, SaysWhatIsWrong) {
  EXPECT_EQ(TensorFile::OpenSafetensors("/nowhere/x").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(ErrorOf("abc"), HasSubstr("some.safetensors: cut short in its header"));
  EXPECT_THAT(ErrorOf(std::string(100, '\xff')), HasSubstr("is longer than 16777216"));
  EXPECT_THAT(ErrorOfHeader("nonsense"), HasSubstr("not a JSON object"));
  EXPECT_THAT(ErrorOfHeader("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(ErrorOfHeader(std::string(100000, '[')), HasSubstr("nested too deeply"));
  EXPECT_THAT(ErrorOfHeader(R"({"a":1})"), HasSubstr("tensor 'a': its entry has no valid"));
  EXPECT_THAT(ErrorOfHeader(R"({"a":{"dtype":"F32","shape":[4]}})"),
              HasSubstr("its entry has no valid"));
  EXPECT_THAT(ErrorOfHeader(R"({"a":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}})"),
              HasSubstr("its entry has no valid"));
  EXPECT_THAT(ErrorOfHeader(R"({"a":{"dtype":"F32","shape":[4.5],"data_offsets":[0,16]}})"),
              HasSubstr("its entry has no valid"));
  EXPECT_THAT(ErrorOfHeader(
                  R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,16]}})"),
              HasSubstr("its entry has no valid"));
  EXPECT_THAT(ErrorOfHeader(R"({"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,16]}})"),
              HasSubstr("dtype 'F8_E4M3' is not supported"));
  EXPECT_THAT(ErrorOfHeader(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,20]}})"),
              HasSubstr("bytes 0 to 20 lie outside the file's 16 bytes"));
  EXPECT_THAT(ErrorOfHeader(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}})"),
              HasSubstr("bytes 16 to 0 lie outside"));
  EXPECT_THAT(ErrorOfHeader(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,16]}})"),
              HasSubstr("it has 16 bytes, but F32 [3] takes 12"));
  EXPECT_THAT(ErrorOfHeader(
                  R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,16]}})"),
              HasSubstr("bad shape"));
  EXPECT_THAT(ErrorOfHeader(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},)"
                            R"("a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})"),
              HasSubstr("'a' is there twice"));
}

TEST(SafetensorsTest, EveryByteBelongsToOneTensor) {
  EXPECT_THAT(ErrorOfHeader(R"({"a":{"dtype":"U8","shape":[10],"data_offsets":[0,10]},)"
                            R"("b":{"dtype":"U8","shape":[8],"data_offsets":[8,16]}})"),
              HasSubstr("tensor 'b' overlaps another"));
  EXPECT_THAT(ErrorOfHeader(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                            R"("b":{"dtype":"U8","shape":[8],"data_offsets":[8,16]}})"),
              HasSubstr("tensor 'b' follows a gap"));
  EXPECT_THAT(ErrorOfHeader(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})"),
              HasSubstr("12 bytes belong to no tensor"));
}

}  // namespace
}  // namespace vidmuse
