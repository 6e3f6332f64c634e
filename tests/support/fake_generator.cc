#include "tests/support/fake_generator.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/time/clock.h"

namespace vidmuse {
namespace {

void Require(bool kept, const char* rule) {
  if (kept) return;
  std::fprintf(stderr, "FakeGenerator: broken contract: %s\n", rule);
  std::abort();
}

// The request whose callback this thread is running, or null.
thread_local const FakeRequest* in_callback_of = nullptr;

}  // namespace

class FakeStream final : public MusicStream {
 public:
  explicit FakeStream(std::shared_ptr<FakeRequest> state) : state_(std::move(state)) {}

  ~FakeStream() override {
    Require(in_callback_of != state_.get(), "a callback destroys its stream");
    MutexLock lock(&state_->mutex_);
    Require(state_->reader_ == nullptr, "destroyed with a Read outstanding");
    state_->mutex_.Await([this]()
                             ABSL_NO_THREAD_SAFETY_ANALYSIS { return state_->callbacks_ == 0; });
    state_->destroyed_ = true;
  }

  absl::Status AppendVideo(absl::string_view bytes) override {
    MutexLock lock(&state_->mutex_);
    Require(!state_->finished_video_, "AppendVideo after FinishVideo");
    if (!state_->upload_status_.ok()) return state_->upload_status_;
    state_->video_.append(bytes.data(), bytes.size());
    return absl::OkStatus();
  }

  absl::Status FinishVideo() override {
    {
      MutexLock lock(&state_->mutex_);
      Require(!state_->finished_video_, "FinishVideo twice");
      if (!state_->upload_status_.ok()) return state_->upload_status_;
      state_->finished_video_ = true;
      for (auto& event : state_->after_video_) state_->events_.push_back(std::move(event));
    }
    state_->Deliver();
    return absl::OkStatus();
  }

  void Read(ReadCallback callback) override {
    {
      MutexLock lock(&state_->mutex_);
      Require(state_->reader_ == nullptr, "two Reads outstanding");
      state_->reader_ = std::move(callback);
      ++state_->reads_;
    }
    state_->Deliver();
  }

  void Cancel(absl::Status reason) override {
    {
      MutexLock lock(&state_->mutex_);
      if (state_->cancelled_.ok()) state_->cancelled_ = std::move(reason);
      state_->events_.clear();
    }
    state_->Deliver();
  }

 private:
  const std::shared_ptr<FakeRequest> state_;
};

void FakeRequest::Deliver() {
  MusicStream::ReadCallback reader;
  absl::StatusOr<StreamEvent> event = absl::UnknownError("");
  {
    MutexLock lock(&mutex_);
    if (reader_ == nullptr) return;
    if (!cancelled_.ok()) {
      event = cancelled_;
    } else if (!events_.empty()) {
      event = std::move(events_.front());
      events_.pop_front();
    } else {
      return;
    }
    reader = std::exchange(reader_, nullptr);
    ++callbacks_;
  }
  const FakeRequest* outer = std::exchange(in_callback_of, this);
  reader(std::move(event));
  in_callback_of = outer;
  MutexLock lock(&mutex_);
  --callbacks_;
}

void FakeRequest::Push(absl::StatusOr<StreamEvent> event) {
  {
    MutexLock lock(&mutex_);
    events_.push_back(std::move(event));
  }
  Deliver();
}

void FakeRequest::FailUpload(absl::Status status) {
  MutexLock lock(&mutex_);
  upload_status_ = std::move(status);
}

std::string FakeRequest::video() const {
  MutexLock lock(&mutex_);
  return video_;
}

bool FakeRequest::finished_video() const {
  MutexLock lock(&mutex_);
  return finished_video_;
}

absl::Status FakeRequest::cancelled() const {
  MutexLock lock(&mutex_);
  return cancelled_;
}

bool FakeRequest::destroyed() const {
  MutexLock lock(&mutex_);
  return destroyed_;
}

int FakeRequest::reads() const {
  MutexLock lock(&mutex_);
  return reads_;
}

bool FakeRequest::WaitForVideo(size_t bytes, absl::Duration timeout) const {
  MutexLock lock(&mutex_);
  return mutex_.AwaitFor(
      timeout, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return video_.size() >= bytes; });
}

bool FakeRequest::WaitForFinishedVideo(absl::Duration timeout) const {
  MutexLock lock(&mutex_);
  return mutex_.AwaitFor(timeout,
                         [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return finished_video_; });
}

bool FakeRequest::WaitForCancel(absl::Duration timeout) const {
  MutexLock lock(&mutex_);
  return mutex_.AwaitFor(timeout,
                         [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !cancelled_.ok(); });
}

bool FakeRequest::WaitForDestruction(absl::Duration timeout) const {
  MutexLock lock(&mutex_);
  return mutex_.AwaitFor(timeout,
                         [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return destroyed_; });
}

bool FakeRequest::WaitForReads(int reads, absl::Duration timeout) const {
  MutexLock lock(&mutex_);
  return mutex_.AwaitFor(timeout,
                         [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return reads_ >= reads; });
}

FakeGenerator::FakeGenerator() {
  model_info_.name = "fake";
  model_info_.scale = "custom";
  model_info_.parameters = 42;
  model_info_.device = "cpu";
  model_info_.precision = "fp32";
}

void FakeGenerator::RefuseNext(absl::Status status) {
  MutexLock lock(&mutex_);
  refusals_.push_back(std::move(status));
}

void FakeGenerator::SetScript(std::vector<absl::StatusOr<StreamEvent>> events) {
  MutexLock lock(&mutex_);
  script_ = std::move(events);
}

void FakeGenerator::SetHealth(absl::Status health) {
  MutexLock lock(&mutex_);
  health_ = std::move(health);
}

std::shared_ptr<FakeRequest> FakeGenerator::WaitForRequest(size_t index,
                                                           absl::Duration timeout) const {
  MutexLock lock(&mutex_);
  const bool has = mutex_.AwaitFor(
      timeout, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return requests_.size() > index; });
  if (!has) return nullptr;
  return requests_[index];
}

int FakeGenerator::submissions() const {
  MutexLock lock(&mutex_);
  return submissions_;
}

bool FakeGenerator::WaitForDrain(absl::Duration timeout) const {
  MutexLock lock(&mutex_);
  return mutex_.AwaitFor(timeout,
                         [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return draining_; });
}

absl::StatusOr<std::unique_ptr<MusicStream>> FakeGenerator::Submit(GenerationRequest request) {
  if (on_submit_) on_submit_();
  MutexLock lock(&mutex_);
  ++submissions_;
  if (draining_) return absl::UnavailableError("draining");
  if (!refusals_.empty()) {
    absl::Status refusal = std::move(refusals_.front());
    refusals_.pop_front();
    return refusal;
  }
  auto state = std::make_shared<FakeRequest>(std::move(request), script_);
  requests_.push_back(state);
  return std::make_unique<FakeStream>(std::move(state));
}

absl::Status FakeGenerator::Health() const {
  MutexLock lock(&mutex_);
  return health_;
}

void FakeGenerator::BeginDrain() {
  MutexLock lock(&mutex_);
  draining_ = true;
}

bool FakeGenerator::WaitUntilIdle(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  std::vector<std::shared_ptr<FakeRequest>> requests;
  {
    MutexLock lock(&mutex_);
    requests = requests_;
  }
  return std::all_of(requests.begin(), requests.end(), [&](const auto& request) {
    return request->WaitForDestruction(std::max(deadline - absl::Now(), absl::ZeroDuration()));
  });
}

}  // namespace vidmuse
