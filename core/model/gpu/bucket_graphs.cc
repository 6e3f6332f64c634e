#include "core/model/gpu/bucket_graphs.h"

#include <algorithm>
#include <utility>

namespace vidmuse::gpu {

BucketGraphs::BucketGraphs(std::vector<int> buckets, std::function<void(int bucket)> body)
    : buckets_(std::move(buckets)), body_(std::move(body)), graphs_(buckets_.size()) {}

void BucketGraphs::Record(const StepGraphMaker& make_graph) {
  try {
    // The largest bucket is recorded first, so that the others reuse its memory.
    for (size_t i = buckets_.size(); i-- > 0;) {
      const auto body = [this, bucket = buckets_[i]] { body_(bucket); };
      body();
      graphs_[i] = make_graph();
      graphs_[i]->Record(body, i + 1 < graphs_.size() ? graphs_.back().get() : nullptr);
      graphs_[i]->Replay();
    }
  } catch (...) {
    for (auto& graph : graphs_) graph = nullptr;
    throw;
  }
}

int BucketGraphs::recorded() const {
  return static_cast<int>(std::count_if(graphs_.begin(), graphs_.end(),
                                        [](const auto& graph) { return graph != nullptr; }));
}

size_t BucketGraphs::IndexOf(int size) const {
  return std::lower_bound(buckets_.begin(), buckets_.end(), size) - buckets_.begin();
}

int BucketGraphs::BucketOf(int size) const { return buckets_[IndexOf(size)]; }

void BucketGraphs::Queue(int size) {
  const size_t index = IndexOf(size);
  std::unique_ptr<StepGraph>& graph = graphs_[index];
  if (graph == nullptr) return body_(buckets_[index]);
  try {
    graph->Replay();
  } catch (...) {
    graph = nullptr;  // the next step runs without a graph
    throw;
  }
}

}  // namespace vidmuse::gpu
