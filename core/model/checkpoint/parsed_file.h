// The parsed file and the checks that both readers share.
#ifndef VIDMUSE_MODEL_CHECKPOINT_PARSED_FILE_H_
#define VIDMUSE_MODEL_CHECKPOINT_PARSED_FILE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/model/checkpoint/mapped_file.h"
#include "core/model/checkpoint/tensor_file.h"

namespace vidmuse {

// Limits on what a file may contain. Published checkpoints stay far below them.
inline constexpr size_t kMaxDimensions = 8;
inline constexpr size_t kMaxNames = 100000;
inline constexpr size_t kMaxNameLength = 1024;

// Filled by a reader and constant afterwards.
struct ParsedFile : TensorFile {
  explicit ParsedFile(std::string name) : file_name(std::move(name)) {}

  const std::map<std::string, TensorView>& tensors() const override { return tensor_map; }
  const std::map<std::string, std::string>& strings() const override { return string_map; }
  const std::map<std::string, double>& numbers() const override { return number_map; }
  const std::string& name() const override { return file_name; }

  absl::Status ReadBytes(const TensorView& tensor, int64_t first, size_t bytes,
                         char* out) const override {
    if (bytes > 0 && mapping != nullptr && mapping->Contains(tensor.data)) {
      return mapping->Read(static_cast<const char*>(tensor.data) + first, bytes, out);
    }
    return TensorFile::ReadBytes(tensor, first, bytes, out);
  }

  const std::string file_name;
  std::unique_ptr<MappedFile> mapping;          // null if the caller owns the bytes
  std::vector<std::unique_ptr<char[]>> copies;  // of tensors that were not contiguous
  std::map<std::string, TensorView> tensor_map;
  std::map<std::string, std::string> string_map;
  std::map<std::string, double> number_map;
};

// Computes the product of `shape` times the element's size. Returns false if a size is negative or
// the product overflows.
inline bool ByteCount(const std::vector<int64_t>& shape, DType dtype, int64_t* bytes) {
  *bytes = DTypeSize(dtype);
  bool empty = false;
  for (const int64_t size : shape) {
    if (size < 0) return false;
    if (size == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(*bytes, size, bytes)) {
      return false;
    }
  }
  if (empty) *bytes = 0;
  return true;
}

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_CHECKPOINT_PARSED_FILE_H_
