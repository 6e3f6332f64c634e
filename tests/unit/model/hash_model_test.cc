#include "core/model/synthetic/hash_model.h"

#include <cstring>
#include <string>

#include "core/model/architecture/model_config.h"
#include "core/model/checkpoint/tensor_file.h"
#include "core/model/synthetic/hash_values.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/model/checkpoint_test_util.h"

namespace vidmuse {
namespace {

using ::testing::HasSubstr;

size_t Bytes(const TensorView& tensor) { return tensor.elements() * DTypeSize(tensor.dtype); }

void ExpectSame(const TensorFile& file, const TensorFile& expected) {
  for (const auto& [name, tensor] : expected.tensors()) {
    ASSERT_EQ(file.tensors().count(name), 1u) << name;
    const TensorView& ours = file.tensors().at(name);
    EXPECT_EQ(ours.dtype, tensor.dtype) << name;
    ASSERT_EQ(ours.shape, tensor.shape) << name;
    EXPECT_EQ(std::memcmp(ours.data, tensor.data, Bytes(tensor)), 0) << name;
  }
  EXPECT_EQ(file.tensors().size(), expected.tensors().size());
  EXPECT_EQ(file.strings(), expected.strings());
}

// FNV-1a over every tensor's name and bytes, in the names' order.
uint64_t Checksum(const TensorFile& file) {
  uint64_t hash = 0xcbf29ce484222325u;
  const auto add = [&hash](const void* data, size_t size) {
    for (size_t i = 0; i < size; ++i) {
      hash = (hash ^ static_cast<const unsigned char*>(data)[i]) * 0x100000001b3u;
    }
  };
  for (const auto& [name, tensor] : file.tensors()) {
    add(name.data(), name.size());
    add(tensor.data, Bytes(tensor));
  }
  return hash;
}

TEST(HashModelTest, TheCodecIsTheGoldenOneBitForBit) {
  const auto golden = TensorFile::OpenTorch(DataPath("golden/tiny/compression_state_dict.bin"));
  ASSERT_TRUE(golden.ok()) << golden.status();
  ExpectSame(*HashCodecFile(HashModelSizes()), **golden);
}

TEST(HashModelTest, TheTokenModelIsTheGoldenOne) {
  const auto file = HashLmFile(HashModelSizes());
  // Of the golden tiny/state_dict.bin, 28,660,480 bytes of tensors.
  EXPECT_EQ(file->tensors().size(), 124u);
  EXPECT_EQ(Checksum(*file), 0x4ef584520d11f280u);
}

TEST(HashModelTest, WhatIsWrittenIsTheSame) {
  const TempDirectory directory;
  HashModelSizes sizes;
  sizes.seed = "other";
  sizes.dim = 32;
  sizes.clip_mlp = 16;
  const std::string model = directory.path("new/model");
  ASSERT_TRUE(WriteHashModel(sizes, model).ok());
  const auto lm = TensorFile::OpenTorch(model + "/state_dict.bin");
  ASSERT_TRUE(lm.ok()) << lm.status();
  ExpectSame(**lm, *HashLmFile(sizes));
  const auto codec = TensorFile::OpenTorch(model + "/compression_state_dict.bin");
  ASSERT_TRUE(codec.ok()) << codec.status();
  ExpectSame(**codec, *HashCodecFile(sizes));
}

TEST(HashModelTest, ConfigurationsSayTheSizes) {
  HashModelSizes sizes;
  sizes.dim = 96;
  sizes.num_heads = 3;
  sizes.num_layers = 5;
  sizes.hidden_scale = 2;
  sizes.card = 100;
  sizes.codec_dimension = 24;
  sizes.codec_filters = 8;
  sizes.codec_bins = 128;
  const auto lm = ParseLmConfig(HashLmFile(sizes)->strings().at("xp.cfg"));
  ASSERT_TRUE(lm.ok()) << lm.status();
  EXPECT_EQ(lm->dim, 96);
  EXPECT_EQ(lm->num_heads, 3);
  EXPECT_EQ(lm->num_layers, 5);
  EXPECT_EQ(lm->hidden_scale, 2);
  EXPECT_EQ(lm->card, 100);
  const auto codec = ParseAudiocraftCodecConfig(HashCodecFile(sizes)->strings().at("xp.cfg"));
  ASSERT_TRUE(codec.ok()) << codec.status();
  EXPECT_EQ(codec->dimension, 24);
  EXPECT_EQ(codec->n_filters, 8);
  EXPECT_EQ(codec->bins, 128);
}

TEST(HashModelTest, RejectsSizesThatNoModelHas) {
  HashModelSizes sizes;
  sizes.num_heads = 3;
  EXPECT_THAT(WriteHashModel(sizes, "/nowhere").message(), HasSubstr("'transformer_lm.dim' is 64"));
  sizes = HashModelSizes();
  sizes.clip_layers = 0;
  EXPECT_THAT(CheckHashModelSizes(sizes).message(), HasSubstr("CLIP tower of 0 layers"));
}

TEST(HashValuesTest, UniformIsTheRecipesHash) {
  // Computed with the recipe's own weights.py.
  EXPECT_EQ(Fnv1a64("tiny:emb.0.weight"), 0x19278e12fb5f11abu);
  EXPECT_EQ(HashUniform(Fnv1a64("tiny:codes"), 0), 0x1.7db8000000000p-11f);
  EXPECT_EQ(HashUniform(Fnv1a64("tiny:codes"), 95), 0x1.8c68000000000p-4f);
}

}  // namespace
}  // namespace vidmuse
