#include "core/model/checkpoint/weight_reader.h"

#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "core/model/checkpoint/half.h"
#include "core/model/checkpoint/parsed_file.h"
#include "core/model/checkpoint/torch_file_writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/model/checkpoint_test_util.h"

namespace vidmuse {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class WeightReaderTest : public ::testing::Test {
 protected:
  template <typename T>
  void Add(const std::string& name, DType dtype, std::vector<int64_t> shape,
           const std::vector<T>& values) {
    const size_t bytes = values.size() * sizeof(T);
    std::unique_ptr<char[]> copy(new char[bytes + 1]);
    // One byte in: values in a file may be unaligned.
    std::memcpy(copy.get() + 1, values.data(), bytes);
    file_.tensor_map[name] = {dtype, std::move(shape), copy.get() + 1};
    file_.copies.push_back(std::move(copy));
  }

  ParsedFile file_{"model.bin"};
};

TEST_F(WeightReaderTest, ConvertsEveryFloatingPointType) {
  Add<float>("p/f32", DType::kFloat32, {3}, {1.5f, -2, 0});
  Add<uint16_t>("p/f16", DType::kFloat16, {3}, {0x3e00, 0xc000, 0x0001});
  Add<uint16_t>("p/bf16", DType::kBFloat16, {3}, {0x3fc0, 0xc000, 0});
  Add<double>("p/f64", DType::kFloat64, {3}, {1.5, -2, 0});
  WeightReader reader(&file_, "p/");
  EXPECT_THAT(*reader.Read("f32", {3}), ElementsAre(1.5f, -2, 0));
  EXPECT_THAT(*reader.Read("f16", {3}), ElementsAre(1.5f, -2, 0x1p-24f));
  EXPECT_THAT(*reader.Read("bf16", {3}), ElementsAre(1.5f, -2, 0));
  EXPECT_THAT(*reader.Read("f64", {3}), ElementsAre(1.5f, -2, 0));
  EXPECT_EQ(reader.parameters(), 12);
}

TEST_F(WeightReaderTest, ConvertsTensorsOfManyBlocks) {
  std::vector<uint16_t> halves(10001);
  for (size_t i = 0; i < halves.size(); ++i) halves[i] = FloatToHalf(static_cast<float>(i % 2048));
  Add("w", DType::kFloat16, {73, 137}, halves);
  WeightReader reader(&file_, "");
  const auto values = reader.Read("w", {73, 137});
  ASSERT_TRUE(values.ok()) << values.status();
  for (size_t i = 0; i < halves.size(); ++i) ASSERT_EQ((*values)[i], static_cast<float>(i % 2048));
}

TEST_F(WeightReaderTest, ErrorsNameTheTensor) {
  Add<float>("p/w", DType::kFloat32, {2, 1}, {1, 2});
  Add<int64_t>("p/n", DType::kInt64, {1}, {1});
  WeightReader reader(&file_, "p/");
  EXPECT_TRUE(reader.Has("w"));
  EXPECT_FALSE(reader.Has("missing"));
  EXPECT_THAT(*reader.Shape("w"), ElementsAre(2, 1));
  EXPECT_EQ(reader.Shape("missing").status().code(), absl::StatusCode::kNotFound);
  const absl::Status missing = reader.Read("missing", {1}).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(missing.message(), "model.bin: tensor 'missing' is missing");
  const absl::Status shape = reader.Read("w", {1, 2}).status();
  EXPECT_EQ(shape.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(shape.message(), "model.bin: tensor 'w' has shape [2, 1], expected [1, 2]");
  EXPECT_EQ(reader.Read("n", {1}).status().message(),
            "model.bin: tensor 'n' is of type int64, expected a floating-point type");
  EXPECT_EQ(reader.parameters(), 0);
}

TEST_F(WeightReaderTest, RejectsValuesThatAreNotFinite) {
  std::vector<float> values(9000, 1.0f);
  for (const float bad :
       {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
        std::numeric_limits<float>::quiet_NaN()}) {
    for (const size_t at : {size_t{0}, size_t{4095}, size_t{4096}, size_t{8999}}) {
      std::vector<float> changed = values;
      changed[at] = bad;
      Add("w", DType::kFloat32, {9000}, changed);
      WeightReader reader(&file_, "");
      EXPECT_EQ(reader.Read("w", {9000}).status().message(),
                "model.bin: tensor 'w' holds a value that is not finite");
    }
  }
  Add<uint16_t>("w", DType::kFloat16, {1}, {0x7c00});
  WeightReader reader(&file_, "");
  EXPECT_FALSE(reader.Read("w", {1}).ok());
}

TEST_F(WeightReaderTest, NamesTensorsThatNothingAskedFor) {
  for (const char* name : {"p/used", "p/left.over", "p/x.position_ids", "other/y"}) {
    Add<float>(name, DType::kFloat32, {1}, {1});
  }
  WeightReader reader(&file_, "p/");
  ASSERT_TRUE(reader.Read("used", {1}).ok());
  const absl::Status status = reader.CheckAllUsed({"position_ids"});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "model.bin: 1 unexpected tensor(s): 'left.over'");
  EXPECT_TRUE(reader.CheckAllUsed({"position_ids", "left"}).ok());
  for (int i = 0; i < 9; ++i) Add<float>("p/extra" + std::to_string(i), DType::kFloat32, {1}, {1});
  EXPECT_THAT(std::string(reader.CheckAllUsed({"position_ids", "left"}).message()),
              AllOf(HasSubstr("9 unexpected tensor(s): 'extra0'"), HasSubstr("'extra4', ..."),
                    Not(HasSubstr("'extra5'"))));
}

TEST_F(WeightReaderTest, TheDigestIsOfNamesAndValues) {
  Add<float>("p/a", DType::kFloat32, {2}, {1.5f, -2});
  Add<uint16_t>("p/b", DType::kFloat16, {2}, {0x3e00, 0xc000});
  Add<float>("q/a", DType::kFloat32, {2}, {1.5f, -2});
  Add<float>("q/b", DType::kFloat32, {1, 2}, {1.5f, -2});
  Add<float>("r/a", DType::kFloat32, {2}, {1.5f, 2});
  Add<float>("r/b", DType::kFloat32, {2}, {1.5f, -2});
  WeightReader p(&file_, "p/"), q(&file_, "q/"), r(&file_, "r/");
  ASSERT_TRUE(p.Read("a", {2}).ok() && p.Read("b", {2}).ok());
  const std::string one = [&] {
    EXPECT_TRUE(q.Read("b", {1, 2}).ok());
    return q.Digest();
  }();
  EXPECT_NE(one, p.Digest());
  ASSERT_TRUE(q.Read("a", {2}).ok() && r.Read("a", {2}).ok() && r.Read("b", {2}).ok());
  EXPECT_EQ(p.Digest(), q.Digest());  // in another order, of another type
  EXPECT_NE(p.Digest(), r.Digest());
}

// A process that touched the mapped file would die.
TEST(WeightFileTest, AFileThatIsCutShortIsAnError) {
  const TempDirectory directory;
  const std::string path = directory.path("cut.bin");
  const std::vector<float> values(1 << 20, 0.5f);
  {
    const auto writer = TorchFileWriter::Create(path);
    ASSERT_TRUE(writer.ok()) << writer.status();
    for (const char* name : {"a", "b"}) {
      ASSERT_TRUE((*writer)->AddTensor(name, {DType::kFloat32, {1024, 1024}, values.data()}).ok());
    }
    ASSERT_TRUE((*writer)->Finish().ok());
  }
  const auto file = TensorFile::OpenTorch(path);
  ASSERT_TRUE(file.ok()) << file.status();
  WeightReader reader(file->get(), "");
  EXPECT_EQ(*reader.Read("a", {1024, 1024}), values);
  std::filesystem::resize_file(path, 6 << 20);
  EXPECT_EQ(*reader.Read("a", {1024, 1024}), values);
  const absl::Status status = reader.Read("b", {1024, 1024}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(path), HasSubstr("cut short")));
}

TEST(HalfTest, EveryHalfConvertsExactlyAndBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const int exponent = (bits >> 10) & 31, mantissa = bits & 0x3ff;
    const float value = HalfToFloat(static_cast<uint16_t>(bits));
    if (exponent == 31 && mantissa != 0) {
      ASSERT_TRUE(std::isnan(value)) << bits;
      ASSERT_TRUE(std::isnan(HalfToFloat(FloatToHalf(value)))) << bits;
      continue;
    }
    double expected =
        exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
    if (exponent == 31) expected = std::numeric_limits<double>::infinity();
    ASSERT_EQ(value, bits & 0x8000 ? -expected : expected) << bits;
    ASSERT_EQ(FloatToHalf(value), bits);
  }
}

TEST(HalfTest, RoundsToNearestEven) {
  for (uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const float low = HalfToFloat(static_cast<uint16_t>(bits));
    const float high = HalfToFloat(static_cast<uint16_t>(bits + 1));
    const float middle = low + (high - low) / 2;
    ASSERT_EQ(FloatToHalf(middle), bits % 2 == 0 ? bits : bits + 1);
    ASSERT_EQ(FloatToHalf(std::nextafter(middle, 0.0f)), bits);
    ASSERT_EQ(FloatToHalf(std::nextafter(middle, 1e9f)), bits + 1);
  }
  EXPECT_EQ(FloatToHalf(65519.0f), 0x7bff);
  EXPECT_EQ(FloatToHalf(65520.0f), 0x7c00);
  EXPECT_EQ(FloatToHalf(-1e30f), 0xfc00);
}

}  // namespace
}  // namespace vidmuse
