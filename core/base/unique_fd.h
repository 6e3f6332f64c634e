// Owner of a file descriptor.
#ifndef VIDMUSE_BASE_UNIQUE_FD_H_
#define VIDMUSE_BASE_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace vidmuse {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UniqueFd() {
    if (fd_ >= 0) close(fd_);
  }

  int get() const { return fd_; }  // -1: none
  // Returns the descriptor, which the caller owns from now on.
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_UNIQUE_FD_H_
