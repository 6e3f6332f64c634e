// One metric's series by the core's label.
#ifndef VIDMUSE_SERVER_LABELLED_METRICS_H_
#define VIDMUSE_SERVER_LABELLED_METRICS_H_

#include <cstddef>
#include <functional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "core/base/mutex.h"

namespace vidmuse {

// Caches a family's metrics by the core's label, because a look-up in the family itself needs a
// whole map of labels. Thread-safe.
template <typename Metric>
class LabelledMetrics {
 public:
  using Make = std::function<Metric&(absl::string_view)>;

  explicit LabelledMetrics(Make make) : make_(std::move(make)) {}

  Metric& Get(absl::string_view label) {
    MutexLock lock(&mutex_);
    const auto found = metrics_.find(label);
    if (found != metrics_.end()) return *found->second;
    // Labels come from code, not from clients. The limit bounds the memory that a mistake can take.
    constexpr size_t kMaxLabels = 100;
    if (metrics_.size() >= kMaxLabels) label = "other";
    Metric*& metric = metrics_[std::string(label)];
    if (metric == nullptr) metric = &make_(label);
    return *metric;
  }

 private:
  const Make make_;
  Mutex mutex_;
  absl::flat_hash_map<std::string, Metric*> metrics_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_LABELLED_METRICS_H_
