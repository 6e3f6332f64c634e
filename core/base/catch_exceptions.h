// Turns what a call throws into a status, where exceptions have to stop.
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

// RESOURCE_EXHAUSTED "out of memory". Made at the first call and copied without an allocation after
// that, so that it can be told when there is none.
inline const absl::Status& OutOfMemory() {
  static const absl::Status* const status =
      new absl::Status(absl::ResourceExhaustedError("out of memory"));
  return *status;
}

// What `call` returns: an absl::Status, an absl::StatusOr, or OK for void. If it throws:
// OutOfMemory() for std::bad_alloc, else INTERNAL that begins with `what`.
template <typename Call>
auto CatchExceptions(absl::string_view what, Call&& call) {
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
    return Status(OutOfMemory());
  } catch (const std::exception& error) {
    return Status(absl::InternalError(absl::StrCat(what, ": ", error.what())));
  } catch (...) {
    return Status(absl::InternalError(what));
  }
}

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_CATCH_EXCEPTIONS_H_
