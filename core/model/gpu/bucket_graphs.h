// A step in several static shapes, of which each may be recorded as a graph.
#ifndef VIDMUSE_MODEL_GPU_BUCKET_GRAPHS_H_
#define VIDMUSE_MODEL_GPU_BUCKET_GRAPHS_H_

#include <functional>
#include <memory>
#include <vector>

#include "core/model/gpu/step_graph.h"

namespace vidmuse::gpu {

// Used by one thread at a time, inside RunTorch and on one stream. Throws what Torch throws.
class BucketGraphs {
 public:
  // `buckets`: ascending sizes. `body` queues a step of a bucket's size.
  BucketGraphs(std::vector<int> buckets, std::function<void(int bucket)> body);

  // Runs each bucket's step and records it. If it throws, no graph is kept.
  void Record(const StepGraphMaker& make_graph);
  int recorded() const;

  // The smallest bucket for `size`, which is at most the largest bucket.
  int BucketOf(int size) const;
  // Queues the step of BucketOf(size). A graph that can't be replayed is given up.
  void Queue(int size);

 private:
  size_t IndexOf(int size) const;

  const std::vector<int> buckets_;
  const std::function<void(int)> body_;
  std::vector<std::unique_ptr<StepGraph>> graphs_;  // one per bucket; null: runs without a graph
};

}  // namespace vidmuse::gpu

#endif  // VIDMUSE_MODEL_GPU_BUCKET_GRAPHS_H_
