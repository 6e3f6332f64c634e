#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/model/checkpoint/pickle.h"
#include "core/model/checkpoint/tensor_file.h"
#include "core/model/checkpoint/zip_directory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/model/checkpoint_test_util.h"

namespace vidmuse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

template <typename T>
std::vector<T> Values(const TensorFile& file, const std::string& name) {
  const TensorView& tensor = file.tensors().at(name);
  std::vector<T> values(tensor.elements());
  EXPECT_EQ(static_cast<size_t>(DTypeSize(tensor.dtype)), sizeof(T)) << name;
  if (!values.empty()) std::memcpy(values.data(), tensor.data, values.size() * sizeof(T));
  return values;
}

std::string ErrorOf(absl::string_view bytes) {
  const auto file = TensorFile::ParseTorch(bytes, "some.bin");
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << file.status();
  return std::string(file.status().message());
}

std::string ErrorOfData(const std::string& name) {
  return ErrorOf(ReadFile(DataPath("checkpoint/" + name)));
}

class FeaturesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto file = TensorFile::OpenTorch(DataPath("checkpoint/features.pt"));
    ASSERT_TRUE(file.ok()) << file.status();
    file_ = *std::move(file);
  }
  std::unique_ptr<TensorFile> file_;
};

TEST_F(FeaturesTest, ReadsEveryType) {
  EXPECT_THAT(Values<float>(*file_, "types/float32"), ElementsAre(0, 1, 2));
  EXPECT_THAT(Values<uint16_t>(*file_, "types/float16"), ElementsAre(0, 0x3c00, 0x4000));
  EXPECT_THAT(Values<uint16_t>(*file_, "types/bfloat16"), ElementsAre(0, 0x3f80, 0x4000));
  EXPECT_THAT(Values<double>(*file_, "types/float64"), ElementsAre(0, 1, 2));
  EXPECT_THAT(Values<int64_t>(*file_, "types/int64"), ElementsAre(0, 1, 2));
  EXPECT_THAT(Values<int32_t>(*file_, "types/int32"), ElementsAre(0, 1, 2));
  EXPECT_THAT(Values<int16_t>(*file_, "types/int16"), ElementsAre(0, 1, 2));
  EXPECT_THAT(Values<int8_t>(*file_, "types/int8"), ElementsAre(0, 1, 2));
  EXPECT_THAT(Values<uint8_t>(*file_, "types/uint8"), ElementsAre(0, 1, 2));
  EXPECT_THAT(Values<uint8_t>(*file_, "types/bool"), ElementsAre(0, 1, 1));
  for (const char* name : {"float32", "float16", "bfloat16", "float64", "int64", "int32", "int16",
                           "int8", "uint8", "bool"}) {
    EXPECT_STREQ(DTypeName(file_->tensors().at(absl::StrCat("types/", name)).dtype), name);
  }
}

TEST_F(FeaturesTest, MakesViewsContiguous) {
  const std::vector<float> whole = Values<float>(*file_, "views/whole");  // 0 to 23, [2, 3, 4]
  ASSERT_EQ(whole.size(), 24u);
  EXPECT_EQ(whole[23], 23);
  EXPECT_THAT(Values<float>(*file_, "views/slice"),
              ElementsAre(12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23));
  EXPECT_THAT(Values<float>(*file_, "views/column"), ElementsAre(1, 5, 9, 13, 17, 21));
  EXPECT_THAT(Values<float>(*file_, "views/one"), ElementsAre(23));
  EXPECT_THAT(Values<float>(*file_, "views/none"), IsEmpty());
  EXPECT_THAT(file_->tensors().at("views/none").shape, ElementsAre(0, 3, 4));
  EXPECT_THAT(file_->tensors().at("views/transposed").shape, ElementsAre(4, 2, 3));
  std::vector<float> transposed;
  for (int k = 0; k < 4; ++k) {
    for (int i = 0; i < 2; ++i) {
      for (int j = 0; j < 3; ++j) transposed.push_back(static_cast<float>(12 * i + 4 * j + k));
    }
  }
  EXPECT_EQ(Values<float>(*file_, "views/transposed"), transposed);
}

TEST_F(FeaturesTest, ReadsParametersModulesAndStrings) {
  EXPECT_THAT(Values<float>(*file_, "parameter"), ElementsAre(1, 1));
  EXPECT_THAT(Values<float>(*file_, "module/0.weight"), ElementsAre(1, 1, 1, 1, 1, 1));
  EXPECT_THAT(Values<int64_t>(*file_, "module/1.num_batches_tracked"), ElementsAre(0));
  EXPECT_EQ(file_->tensors().size(), 25u);
  EXPECT_EQ(file_->strings().size(), 3u);
  EXPECT_EQ(file_->strings().at("xp.cfg"), "dim: 4\n");
  EXPECT_EQ(file_->strings().at("unicode"), "h\u00e9");
  EXPECT_EQ(file_->strings().at("list/1"), "a");
}

TEST_F(FeaturesTest, ReadsNumbers) {
  EXPECT_THAT(file_->numbers(),
              UnorderedElementsAre(Pair("exported", 1), Pair("step", 7),
                                   Pair("long", double{int64_t{1} << 40}), Pair("negative", -5),
                                   Pair("rate", 0.5), Pair("list/0", 1), Pair("tuple/0", 1),
                                   Pair("tuple/1", 2)));
}

TEST(TorchFileTest, AFlatDictKeepsItsNames) {
  const auto file = TensorFile::OpenTorch(DataPath("checkpoint/flat.pt"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->tensors().size(), 2u);
  EXPECT_EQ((*file)->tensors().at("weight").ShapeString(), "[2, 3, 4]");
  EXPECT_EQ((*file)->name(), DataPath("checkpoint/flat.pt"));
}

TEST(TorchFileTest, ReadsFractions) {
  const auto numbers = [](const std::string& arguments) {
    // {"a": fractions.Fraction(arguments)}
    constexpr char kBegin[] =
        "\x80\x02}X\x01\x00\x00\x00"
        "acfractions\nFraction\n";
    const std::string pickle =
        absl::StrCat(absl::string_view(kBegin, sizeof(kBegin) - 1), arguments, "Rs.");
    const std::string zip = MakeZip({{"a/data.pkl", pickle}});
    const auto file = TensorFile::ParseTorch(zip, "x", OtherValues::kSkip);
    EXPECT_TRUE(file.ok()) << file.status();
    return file.ok() ? (*file)->numbers() : std::map<std::string, double>();
  };
  const auto text = [](const std::string& value) {
    const auto size = static_cast<char>(value.size());
    return absl::StrCat("X", absl::string_view(&size, 1), absl::string_view("\0\0\0", 3), value,
                        "\x85");
  };
  EXPECT_THAT(numbers(text("39/5")), UnorderedElementsAre(Pair("a", 7.8)));
  EXPECT_THAT(numbers(text("10")), UnorderedElementsAre(Pair("a", 10)));
  EXPECT_THAT(numbers("K\x27K\x05\x86"), UnorderedElementsAre(Pair("a", 7.8)));
  for (const char* bad : {"39/0", "39/-5", "39/x", "", "/5"}) {
    EXPECT_THAT(numbers(text(bad)), IsEmpty()) << bad;
  }
}

TEST(TorchFileTest, NothingExecutes) {
  EXPECT_THAT(ErrorOfData("executes.pt"), HasSubstr("'posix.system' is not allowed"));
  EXPECT_THAT(ErrorOfData("numpy.pt"),
              HasSubstr("'numpy._core.multiarray._reconstruct' is not allowed"));
}

TEST(TorchFileTest, SaysWhatIsWrongWithTheFile) {
  EXPECT_EQ(TensorFile::OpenTorch("/nowhere/x.bin").status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(TensorFile::OpenTorch("/nowhere/x.bin").status().message(),
              HasSubstr("/nowhere/x.bin"));
  EXPECT_THAT(TensorFile::OpenTorch("/tmp").status().message(), HasSubstr("not a regular file"));
  EXPECT_THAT(TensorFile::OpenTorch("/dev/null").status().message(),
              HasSubstr("not a regular file"));
  EXPECT_THAT(ErrorOfData("list.pt"), HasSubstr("it holds a list, not a dict"));
  EXPECT_THAT(ErrorOfData("expanded.pt"), HasSubstr("'weight': tensors that are not contiguous"));
  EXPECT_THAT(ErrorOf("some text"), HasSubstr("not a zip file"));
  EXPECT_THAT(ErrorOf(MakeZip({{"a/b", ""}})), HasSubstr("without data.pkl"));
  EXPECT_THAT(ErrorOf(MakeZip({{"a/data.pkl", "\x80\x02}."}, {"a/byteorder", "big"}})),
              HasSubstr("byte order 'big'"));
  EXPECT_TRUE(TensorFile::ParseTorch(MakeZip({{"a/data.pkl", "\x80\x02}."}}), "x").ok());
}

TEST(TorchFileTest, TruncationAtEveryByteIsAnError) {
  for (const char* name : {"features.pt", "flat.pt"}) {
    const std::string whole = ReadFile(DataPath(absl::StrCat("checkpoint/", name)));
    for (size_t size = 0; size < whole.size(); ++size) {
      // A copy of just these bytes, so that a sanitizer sees a read beyond them.
      const std::vector<char> part(whole.begin(), whole.begin() + size);
      ASSERT_FALSE(TensorFile::ParseTorch({part.data(), part.size()}, name).ok()) << size;
    }
  }
}

TEST(TorchFileTest, ATruncatedPickleIsAnError) {
  const std::string whole = ReadFile(DataPath("checkpoint/features.pt"));
  const auto entries = ReadZipDirectory(whole);
  ASSERT_TRUE(entries.ok()) << entries.status();
  const absl::string_view pickle = entries->at("features/data.pkl");
  ASSERT_TRUE(ParsePickle(pickle).ok());
  for (size_t size = 0; size < pickle.size(); ++size) {
    ASSERT_FALSE(ParsePickle(pickle.substr(0, size)).ok()) << size;
  }
}

// Pickles of {"w": tensor} with these numbers.
std::string PickledTensor(int64_t elements, int64_t offset, const std::vector<int64_t>& shape,
                          const std::vector<int64_t>& strides) {
  const auto integer = [](int64_t value) {
    return absl::StrCat("\x8a\x08", absl::string_view(reinterpret_cast<const char*>(&value), 8));
  };
  const auto tuple = [&](const std::vector<int64_t>& values) {
    std::string out = "(";
    for (const int64_t value : values) absl::StrAppend(&out, integer(value));
    return absl::StrCat(out, "t");
  };
  const absl::string_view zeros("\0\0\0", 3);
  return absl::StrCat("\x80\x02}X\x01", zeros, "wctorch._utils\n_rebuild_tensor_v2\n((X\x07", zeros,
                      "storagectorch\nFloatStorage\nX\x01", zeros, "0X\x03", zeros, "cpu",
                      integer(elements), "tQ", integer(offset), tuple(shape), tuple(strides),
                      "\x89NtRs.");
}

absl::Status ParseTensor(const std::string& pickle, size_t storage_bytes) {
  return TensorFile::ParseTorch(
             MakeZip({{"a/data.pkl", pickle}, {"a/data/0", std::string(storage_bytes, 'x')}}), "x")
      .status();
}

TEST(TorchFileTest, TensorsStayInTheirStorage) {
  constexpr int64_t kHuge = int64_t{1} << 62;
  EXPECT_TRUE(ParseTensor(PickledTensor(6, 0, {2, 3}, {3, 1}), 24).ok());
  EXPECT_TRUE(ParseTensor(PickledTensor(6, 3, {3}, {1}), 24).ok());
  EXPECT_TRUE(ParseTensor(PickledTensor(6, 0, {}, {}), 24).ok());
  EXPECT_TRUE(ParseTensor(PickledTensor(6, kHuge, {0}, {kHuge}), 24).ok());
  // The stride of a dimension of size 1 is never used.
  EXPECT_TRUE(ParseTensor(PickledTensor(3, 0, {2, 1, 2}, {1, INT64_MAX, 1}), 12).ok());
  struct Case {
    std::string pickle;
    size_t storage_bytes;
    const char* error;
  };
  for (const Case& c : {
           Case{PickledTensor(6, 0, {2, 3}, {3, 1}), 20,
                "its storage has 20 bytes, not 6 values of float32"},
           Case{PickledTensor(kHuge, 0, {1}, {1}), 24, "its storage has 24 bytes"},
           Case{PickledTensor(-6, 0, {1}, {1}), 24, "its storage has 24 bytes"},
           Case{PickledTensor(6, 4, {3}, {1}), 24, "reach outside its storage"},
           Case{PickledTensor(6, -1, {3}, {1}), 24, "reach outside its storage"},
           Case{PickledTensor(6, 0, {3}, {3}), 24,
                "shape [3], strides [3] and offset 0 reach outside"},
           Case{PickledTensor(6, 2, {3}, {-1}), 24, "reach outside its storage"},
           Case{PickledTensor(6, 0, {3}, {kHuge}), 24, "reach outside its storage"},
           Case{PickledTensor(6, kHuge, {2}, {kHuge}), 24, "reach outside its storage"},
           Case{PickledTensor(6, 0, {7}, {1}), 24, "reach outside its storage"},
           Case{PickledTensor(6, 0, {-1}, {1}), 24, "bad shape [-1]"},
           Case{PickledTensor(6, 0, {kHuge, kHuge}, {0, 0}), 24, "bad shape"},
           Case{PickledTensor(6, 0, {1 << 20, 1 << 20}, {0, 0}), 24, "larger than the file"},
           Case{PickledTensor(6, 0, {1, 2}, {1}), 24, "bad arguments"},
           Case{PickledTensor(6, 0, std::vector<int64_t>(9, 1), std::vector<int64_t>(9, 1)), 24,
                "bad arguments"},
       }) {
    EXPECT_THAT(ParseTensor(c.pickle, c.storage_bytes).message(), HasSubstr(c.error));
  }
  EXPECT_THAT(ErrorOf(MakeZip({{"a/data.pkl", PickledTensor(6, 0, {6}, {1})}})),
              HasSubstr("tensor 'w': its storage '0' is missing"));
}

TEST(TorchFileTest, ADictThatHoldsItselfIsAnError) {
  EXPECT_THAT(ErrorOf(MakeZip({{"a/data.pkl", std::string("\x80\x02}q\0X\1\0\0\0ah\0s.", 15)}})),
              HasSubstr("nested too deeply"));
}

TEST(TorchFileTest, TheWalkOfSharedDictsIsBounded) {
  // Memo i holds a dict whose three values are dict i - 1, so a walk of dict 15 would see 3^15
  // names.
  const auto key = [](char name) {
    return absl::StrCat(absl::string_view("X\1\0\0\0", 5), std::string(1, name));
  };
  std::string dicts("}q\0", 3);
  for (char i = 1; i <= 15; ++i) {
    const std::string previous = {'h', static_cast<char>(i - 1)};
    absl::StrAppend(&dicts, "}(", key('a'), previous, key('b'), previous, key('c'), previous, "uq",
                    std::string(1, i));
  }
  // {"l": [all of them], "d": dict 15}
  const std::string pickle =
      absl::StrCat("\x80\x02}(", key('l'), "](", dicts, "e", key('d'), "h\x0fu.");
  EXPECT_THAT(ErrorOf(MakeZip({{"a/data.pkl", pickle}})), HasSubstr("more than 100000 names"));
}

TEST(ZipDirectoryTest, RejectsWhatTorchDoesNotWrite) {
  const std::string zip = MakeZip({{"name", "contents"}});
  ASSERT_TRUE(ReadZipDirectory(zip).ok());
  EXPECT_EQ(ReadZipDirectory(zip)->at("name"), "contents");
  const size_t central = zip.find("PK\1\2");
  ASSERT_NE(central, std::string::npos);
  const auto error_with = [&](size_t at, const std::string& bytes) {
    std::string changed = zip;
    changed.replace(at, bytes.size(), bytes);
    return std::string(ReadZipDirectory(changed).status().message());
  };
  EXPECT_THAT(error_with(central + 10, "\x08"), HasSubstr("'name' is compressed or encrypted"));
  EXPECT_THAT(error_with(central + 8, "\x01"), HasSubstr("'name' is compressed or encrypted"));
  EXPECT_THAT(error_with(central + 20, "\x07"), HasSubstr("'name' is compressed or encrypted"));
  EXPECT_THAT(error_with(central + 42, "\x01"), HasSubstr("'name' has no local header"));
  EXPECT_THAT(error_with(central + 20, "\xff\xff\xff\x01\xff\xff\xff\x01"),
              HasSubstr("'name' reaches outside"));
  EXPECT_THAT(error_with(central + 20, "\xff\xff\xff\xff\xff\xff\xff\xff"),
              HasSubstr("'name' reaches outside"));
  EXPECT_THAT(error_with(central, "XX"), HasSubstr("bad zip directory"));
  EXPECT_THAT(error_with(central + 28, "\xff\xff"), HasSubstr("bad zip directory"));
  EXPECT_THAT(error_with(28, "\xff\xff"), HasSubstr("'name' reaches outside"));
  const size_t zip64_end = zip.find("PK\6\6");
  EXPECT_THAT(error_with(zip64_end + 32, "\xff\xff\xff\xff"), HasSubstr("more than 100000"));
  EXPECT_THAT(error_with(zip64_end + 48, "\xff\xff\xff\xff"), HasSubstr("outside the file"));
  EXPECT_THAT(error_with(zip.find("PK\6\7") + 8, "\xff\xff\xff\xff"), HasSubstr("bad zip64"));
  EXPECT_THAT(ReadZipDirectory(MakeZip({{"a", "1"}, {"a", "2"}})).status().message(),
              HasSubstr("'a' is there twice"));
}

}  // namespace
}  // namespace vidmuse
