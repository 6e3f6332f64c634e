// Computes values in threads, ahead of who takes them in order.
#ifndef VIDMUSE_EVALUATE_AHEAD_H_
#define VIDMUSE_EVALUATE_AHEAD_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <utility>

#include "core/base/clock.h"
#include "core/base/worker_pool.h"

namespace vidmuse::evaluate {

// Values 0 to count - 1 of `make(index)`, which must not throw. At most `threads` + 1 values exist
// before they are taken. The destructor waits for those that are being made. Used by one thread.
template <typename T>
class Ahead {
 public:
  Ahead(int threads, size_t count, std::function<T(size_t)> make)
      : count_(count),
        most_(static_cast<size_t>(threads) + 1),
        make_(std::move(make)),
        pool_("decode", threads, most_, Clock::Real()) {
    Fill();
  }

  // Returns the next value; there must be one. Blocks until it is made.
  T Take() {
    T value = values_.front().get();
    values_.pop_front();
    Fill();
    return value;
  }

 private:
  void Fill() {
    while (values_.size() < most_ && next_ < count_) {
      auto task =
          std::make_shared<std::packaged_task<T()>>([this, index = next_] { return make_(index); });
      std::future<T> value = task->get_future();
      if (!pool_.Submit([task] { (*task)(); })) (*task)();
      values_.push_back(std::move(value));
      ++next_;
    }
  }

  const size_t count_;
  const size_t most_;
  const std::function<T(size_t)> make_;
  size_t next_ = 0;
  std::deque<std::future<T>> values_;
  // Must be the last member, because its threads use those above.
  WorkerPool pool_;
};

}  // namespace vidmuse::evaluate

#endif  // VIDMUSE_EVALUATE_AHEAD_H_
