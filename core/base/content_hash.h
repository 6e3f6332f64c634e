// A fast hash that tells whether two contents are the same. It is no cryptographic hash.
#ifndef VIDMUSE_BASE_CONTENT_HASH_H_
#define VIDMUSE_BASE_CONTENT_HASH_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace vidmuse {

// XXH128 of all bytes added, however they are split into calls. Used by one thread at a time. The
// constructor throws std::bad_alloc.
class ContentHash {
 public:
  ContentHash();
  ~ContentHash();
  ContentHash(const ContentHash&) = delete;
  ContentHash& operator=(const ContentHash&) = delete;

  void Add(const void* data, size_t bytes);
  void Add(absl::string_view text) { Add(text.data(), text.size()); }

  // Returns 32 hexadecimal digits.
  std::string Hex() const;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_CONTENT_HASH_H_
