// Floats on cache-line boundaries, zeroed; large ones come straight from the system page by page,
// so memory is used only as it is touched.
#ifndef VIDMUSE_MODEL_CPU_ALIGNED_BUFFER_H_
#define VIDMUSE_MODEL_CPU_ALIGNED_BUFFER_H_

#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <utility>

namespace vidmuse::cpu {

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  // Throws std::bad_alloc.
  explicit AlignedBuffer(size_t floats) : size_(floats) {
    if (floats == 0) return;
    void* memory =
        mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    if (bytes() >= (size_t{4} << 20)) madvise(memory, bytes(), MADV_HUGEPAGE);
    data_ = static_cast<float*>(memory);
  }
  ~AlignedBuffer() {
    if (data_ != nullptr) munmap(data_, bytes());
  }
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  float* data() { return data_; }
  const float* data() const { return data_; }
  size_t size() const { return size_; }
  size_t bytes() const { return size_ * sizeof(float); }
  float& operator[](size_t i) { return data_[i]; }
  float operator[](size_t i) const { return data_[i]; }

 private:
  float* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_ALIGNED_BUFFER_H_
