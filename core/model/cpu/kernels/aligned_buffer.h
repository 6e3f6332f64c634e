// A zeroed buffer that begins on a page boundary, or on a huge page's if it is at least 2 MiB. It
// is mapped directly from the system, so memory is used only as it is touched.
#ifndef VIDMUSE_MODEL_CPU_KERNELS_ALIGNED_BUFFER_H_
#define VIDMUSE_MODEL_CPU_KERNELS_ALIGNED_BUFFER_H_

#include <sys/mman.h>

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace vidmuse::cpu {

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  // Throws std::bad_alloc.
  explicit AlignedBuffer(size_t bytes) : bytes_(bytes) {
    if (bytes == 0) return;
    const size_t alignment = bytes >= kHugePage ? kHugePage : kPage;
    mapped_ = bytes + alignment - kPage;
    mapping_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping_ == MAP_FAILED) throw std::bad_alloc();
    data_ = mapping_;
    size_t space = mapped_;
    std::align(alignment, bytes, data_, space);
    if (bytes >= kHugePage) madvise(data_, bytes, MADV_HUGEPAGE);
  }
  ~AlignedBuffer() {
    if (data_ != nullptr) munmap(mapping_, mapped_);
  }
  AlignedBuffer(AlignedBuffer&& other) noexcept { *this = std::move(other); }
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(mapping_, other.mapping_);
    std::swap(mapped_, other.mapped_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  // The buffer as an array of T; null if it is empty.
  template <typename T>
  T* data() {
    return static_cast<T*>(data_);
  }
  template <typename T>
  const T* data() const {
    return static_cast<const T*>(data_);
  }
  size_t bytes() const { return bytes_; }

 private:
  static constexpr size_t kPage = 4096;
  static constexpr size_t kHugePage = size_t{2} << 20;

  void* mapping_ = nullptr;  // `data_` is the first aligned address in it
  size_t mapped_ = 0;
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace vidmuse::cpu

#endif  // VIDMUSE_MODEL_CPU_KERNELS_ALIGNED_BUFFER_H_
