// A checkpoint file made by a test, with random tensors.
#ifndef VIDMUSE_TESTS_UNIT_MODEL_MEMORY_TENSOR_FILE_H_
#define VIDMUSE_TESTS_UNIT_MODEL_MEMORY_TENSOR_FILE_H_

#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/model/checkpoint/tensor_file.h"

namespace vidmuse {

class MemoryTensorFile final : public TensorFile {
 public:
  MemoryTensorFile() = default;
  MemoryTensorFile(MemoryTensorFile&&) = default;
  MemoryTensorFile& operator=(MemoryTensorFile&&) = default;

  // Values uniform on base +- scale.
  void Add(const std::string& name, std::vector<int64_t> shape, float scale, float base = 0) {
    TensorView view;
    view.shape = std::move(shape);
    std::vector<float>& values = values_[name];
    values.resize(view.elements());
    std::uniform_real_distribution<float> uniform(base - scale, base + scale);
    for (float& value : values) value = uniform(generator_);
    view.data = values.data();
    tensors_[name] = view;
  }
  void AddString(const std::string& name, std::string value) { strings_[name] = std::move(value); }
  void Remove(const std::string& name) { tensors_.erase(name); }

  std::vector<float>& values(const std::string& name) { return values_.at(name); }
  const std::vector<float>& values(const std::string& name) const { return values_.at(name); }

  const std::map<std::string, TensorView>& tensors() const override { return tensors_; }
  const std::map<std::string, std::string>& strings() const override { return strings_; }
  const std::string& name() const override { return name_; }

 private:
  std::string name_ = "memory";
  std::mt19937 generator_{17};
  std::map<std::string, std::vector<float>> values_;
  std::map<std::string, TensorView> tensors_;
  std::map<std::string, std::string> strings_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_UNIT_MODEL_MEMORY_TENSOR_FILE_H_
