#include "core/video/out_of_memory.h"

#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "core/video/sandbox_protocol.h"

namespace vidmuse {
namespace {

bool exit_when_out_of_memory = false;

}  // namespace

void ExitWhenOutOfMemory() { exit_when_out_of_memory = true; }

}  // namespace vidmuse

// Sanitizers have their own allocation functions.
#ifndef VIDMUSE_SANITIZED
namespace {

void* Checked(void* memory, size_t size) {
  if (memory == nullptr && size > 0 && vidmuse::exit_when_out_of_memory) {
    _exit(vidmuse::kExitOutOfMemory);
  }
  return memory;
}

}  // namespace

// glibc's own allocation functions, for programs that replace the public ones.
// NOLINTBEGIN(bugprone-reserved-identifier): glibc named them
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
// NOLINTEND(bugprone-reserved-identifier)

void* malloc(size_t size) { return Checked(__libc_malloc(size), size); }
void* calloc(size_t count, size_t size) {
  return Checked(__libc_calloc(count, size), count > 0 ? size : 0);
}
void* realloc(void* memory, size_t size) { return Checked(__libc_realloc(memory, size), size); }
void* memalign(size_t alignment, size_t size) {
  return Checked(__libc_memalign(alignment, size), size);
}
void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void** memory, size_t alignment, size_t size) {
  const bool power_of_two = alignment != 0 && (alignment & (alignment - 1)) == 0;
  if (!power_of_two || alignment % sizeof(void*) != 0) return EINVAL;
  void* got = memalign(alignment, size);
  if (got == nullptr) return ENOMEM;
  *memory = got;
  return 0;
}
}
#endif
