// Turns exceptions into a status, at places that exceptions must not cross.
#ifndef VIDMUSE_BASE_CATCH_EXCEPTIONS_H_
#define VIDMUSE_BASE_CATCH_EXCEPTIONS_H_

#include <exception>
#include <new>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace vidmuse {

// Returns RESOURCE_EXHAUSTED "out of memory". The status is made at the first call, and later
// copies allocate nothing, so it can be returned even without free memory.
inline const absl::Status& OutOfMemory() {
  static const absl::Status* const status =
      new absl::Status(absl::ResourceExhaustedError("out of memory"));
  return *status;
}

// The same with a hint to try again in a few seconds, for what the process lacks memory for only
// while others use it.
const absl::Status& OutOfMemoryForNow();

// Returns the absl::Status or absl::StatusOr that `call` returns, or OK for void. If `call` throws,
// returns `out_of_memory` for std::bad_alloc, else INTERNAL with a message that begins with `what`.
template <typename Call>
auto CatchExceptions(absl::string_view what, Call&& call,
                     const absl::Status& out_of_memory = OutOfMemory()) {
  using Result = std::invoke_result_t<Call>;
  using Status = std::conditional_t<std::is_void_v<Result>, absl::Status, Result>;
  try {
    if constexpr (std::is_void_v<Result>) {
      std::forward<Call>(call)();
      return Status();
    } else {
      return Status(std::forward<Call>(call)());
    }
  } catch (const std::bad_alloc&) {
    return Status(out_of_memory);
  } catch (const std::exception& error) {
    return Status(absl::InternalError(absl::StrCat(what, ": ", error.what())));
  } catch (...) {
    return Status(absl::InternalError(what));
  }
}

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_CATCH_EXCEPTIONS_H_
