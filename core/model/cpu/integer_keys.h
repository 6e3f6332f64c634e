// Attention keys as integers: of 8 bits beside bf16 weights, of 6 bits beside int8 weights, where
// what a step reads is mostly keys and values, and the logits' error hardly grows from 8 bits to 6.
//
// A group of kKeyGroup positions is a row of units; a unit is 16 of the head's dimensions, padded
// with zeros, as 8 pairs of neighbours. Of 8 bits it is int8 [pair][kKeyGroup][2]. Of 6 bits it is
// 16-bit words [3][kKeyGroup][2], which hold the pairs' numbers, each 32 more than it stands for:
//   0: bits 0-5 the first pair's, 6-11 the second's, 12-15 the low bits of the seventh's
//   1: the third's, the fourth's, the low bits of the eighth's
//   2: the fifth's, the sixth's, then two bits each, the high ones of the seventh's and eighth's.
#ifndef VIDMUSE_MODEL_CPU_INTEGER_KEYS_H_
#define VIDMUSE_MODEL_CPU_INTEGER_KEYS_H_

#include <cstdint>

namespace vidmuse::cpu {

enum class KeyBits { k8, k6 };

inline constexpr int kKeyUnit = 16;          // dimensions
inline constexpr int kPackedKeyWords = 3;    // of 6 bits, for 8 numbers
inline constexpr int kPackedKeyOffset = 32;  // what is added to them

// Largest size of a number.
constexpr int KeyMost(KeyBits bits) { return bits == KeyBits::k8 ? 127 : 31; }

// Dimensions of a head, padded.
constexpr int64_t KeyDims(int64_t head_dim) {
  return (head_dim + kKeyUnit - 1) / kKeyUnit * kKeyUnit;
}

// Bytes of whole groups of positions.
constexpr int64_t KeyBytes(KeyBits bits, int64_t positions, int64_t head_dim) {
  return positions * KeyDims(head_dim) * (bits == KeyBits::k8 ? 8 : 6) / 8;
}

// The words of eight numbers, offset already, that are `step` apart.
constexpr void PackKeys(const uint16_t* numbers, int step, uint16_t (&words)[kPackedKeyWords]) {
  const auto at = [&](int i) { return numbers[i * step]; };
  words[0] = static_cast<uint16_t>(at(0) | at(1) << 6 | (at(6) & 15) << 12);
  words[1] = static_cast<uint16_t>(at(2) | at(3) << 6 | (at(7) & 15) << 12);
  words[2] = static_cast<uint16_t>(at(4) | at(5) << 6 | at(6) >> 4 << 12 | at(7) >> 4 << 14);
}

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_INTEGER_KEYS_H_
