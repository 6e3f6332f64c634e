#include "core/model/gpu/step_graph.h"

namespace vidmuse {
namespace {

class EagerGraph final : public StepGraph {
 public:
  void Record(const std::function<void()>& body, const StepGraph* /*beside*/) override {
    body_ = body;
  }
  void Replay() override { body_(); }

 private:
  std::function<void()> body_;
};

}  // namespace

std::unique_ptr<StepGraph> NewEagerGraph() { return std::make_unique<EagerGraph>(); }

}  // namespace vidmuse
