// Macros that return early with an error status.
#ifndef VIDMUSE_BASE_STATUS_MACROS_H_
#define VIDMUSE_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define VIDMUSE_CONCAT_INNER_(a, b) a##b
#define VIDMUSE_CONCAT_(a, b) VIDMUSE_CONCAT_INNER_(a, b)

#define RETURN_IF_ERROR(expression)                           \
  do {                                                        \
    if (absl::Status status_ = (expression); !status_.ok()) { \
      return status_;                                         \
    }                                                         \
  } while (false)

#define ASSIGN_OR_RETURN(target, expression) \
  ASSIGN_OR_RETURN_IMPL_(VIDMUSE_CONCAT_(status_or_, __LINE__), target, expression)

#define ASSIGN_OR_RETURN_IMPL_(status_or, target, expression) \
  auto status_or = (expression);                              \
  if (!status_or.ok()) return std::move(status_or).status();  \
  target = *std::move(status_or)

#endif  // VIDMUSE_BASE_STATUS_MACROS_H_
