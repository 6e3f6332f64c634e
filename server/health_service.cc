#include "server/health_service.h"

#include <optional>
#include <utility>

namespace vidmuse {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using grpc::health::v1::HealthListRequest;
using grpc::health::v1::HealthListResponse;

namespace {

// Longer names are refused, since a Watch keeps its name.
constexpr size_t kMaxNameBytes = 256;

}  // namespace

// A call whose request is being read.
class HealthCall {
 public:
  virtual ~HealthCall() = default;

  // Ends a call whose read has not ended.
  virtual void Evict() = 0;
};

class CheckCall final : public grpc::ServerBidiReactor<HealthCheckRequest, HealthCheckResponse>,
                        public HealthCall {
 public:
  explicit CheckCall(HealthService* service) : service_(service) {
    service_->BeginRead(this);
    StartRead(&request_);
  }

  void Evict() override {
    Finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many health checks at once"});
  }
  void OnReadDone(bool ok) override {
    if (!service_->EndRead(this)) return;
    if (!ok) return Finish({grpc::StatusCode::INVALID_ARGUMENT, "no request"});
    const auto status = service_->StatusOf(request_.service());
    if (status == HealthCheckResponse::SERVICE_UNKNOWN) {
      return Finish({grpc::StatusCode::NOT_FOUND, "no such service"});
    }
    response_.set_status(status);
    StartWriteAndFinish(&response_, grpc::WriteOptions(), grpc::Status::OK);
  }
  void OnDone() override { delete this; }

 private:
  HealthService* const service_;
  HealthCheckRequest request_;
  HealthCheckResponse response_;
};

// Answers without reading the request, which has no fields.
class ListCall final : public grpc::ServerBidiReactor<HealthListRequest, HealthListResponse> {
 public:
  explicit ListCall(const HealthService& service) {
    for (const auto& [name, status] : service.Statuses()) {
      (*response_.mutable_statuses())[name].set_status(status);
    }
    StartWriteAndFinish(&response_, grpc::WriteOptions(), grpc::Status::OK);
  }
  void OnDone() override { delete this; }

 private:
  HealthListResponse response_;
};

// The call keeps itself alive until OnDone, which comes after Finish. Finish is called once: by
// whoever ends the read, or else when the call has ended and no write is outstanding.
class WatchCall final : public grpc::ServerBidiReactor<HealthCheckRequest, HealthCheckResponse>,
                        public HealthCall,
                        public std::enable_shared_from_this<WatchCall> {
 public:
  explicit WatchCall(HealthService* service) : service_(service) {}

  // Must be called first, once.
  void Begin() {
    {
      MutexLock lock(&mutex_);
      self_ = shared_from_this();
    }
    service_->BeginRead(this);
    StartRead(&request_);
  }

  // Sends `status`, once the last one was sent. Statuses in between may be left out.
  void Tell(HealthCheckResponse::ServingStatus status) {
    {
      MutexLock lock(&mutex_);
      if (stage_ != Stage::kWatching) return;
      next_ = status;
      if (writing_) return;
      TakeNext();
    }
    StartWrite(&response_);
  }

  void Evict() override {
    Finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many health checks at once"});
  }
  void OnReadDone(bool ok) override {
    if (!service_->EndRead(this)) return;
    if (!ok) return Finish({grpc::StatusCode::INVALID_ARGUMENT, "no request"});
    if (request_.service().size() > kMaxNameBytes) {
      return Finish({grpc::StatusCode::INVALID_ARGUMENT, "the service's name is too long"});
    }
    name_ = request_.service();
    HealthCheckRequest().Swap(&request_);  // frees the message
    bool cancelled = false;
    {
      MutexLock lock(&mutex_);
      cancelled = stage_ == Stage::kEnded;
      if (!cancelled) stage_ = Stage::kWatching;
    }
    if (cancelled) return Finish(grpc::Status::CANCELLED);
    service_->AddWatcher(name_, shared_from_this());
    {
      MutexLock lock(&mutex_);
      cancelled = stage_ == Stage::kEnded;
    }
    // It may have been cancelled before it was added.
    if (cancelled) service_->RemoveWatcher(name_, shared_from_this());
  }
  void OnWriteDone(bool ok) override {
    bool write = false;
    bool failed = false;
    {
      MutexLock lock(&mutex_);
      writing_ = false;
      failed = !ok && stage_ == Stage::kWatching;
      if (failed) stage_ = Stage::kEnded;
      write = stage_ == Stage::kWatching && next_.has_value();
      if (write) TakeNext();
      if (stage_ == Stage::kWatching && !write) return;
    }
    if (write) return StartWrite(&response_);
    if (failed) service_->RemoveWatcher(name_, shared_from_this());
    Finish(grpc::Status::CANCELLED);
  }
  void OnCancel() override {
    bool finish = false;
    {
      MutexLock lock(&mutex_);
      const bool watching = stage_ == Stage::kWatching;
      stage_ = Stage::kEnded;
      if (!watching) return;
      // No write begins from now on. If one is outstanding, OnWriteDone finishes the call. This is
      // decided in the same moment as the call's end, or both could finish it, which gRPC answers
      // by ending the process.
      finish = !writing_;
    }
    service_->RemoveWatcher(name_, shared_from_this());
    if (finish) Finish(grpc::Status::CANCELLED);
  }
  void OnDone() override {
    std::shared_ptr<WatchCall> last;  // released without the lock, which goes with the call
    MutexLock lock(&mutex_);
    last = std::move(self_);
  }

 private:
  enum class Stage { kReading, kWatching, kEnded };

  void TakeNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    writing_ = true;
    response_.set_status(*next_);
    next_.reset();
  }

  HealthService* const service_;
  HealthCheckRequest request_;    // belongs to gRPC while it is read
  std::string name_;              // set once, before stage kWatching
  HealthCheckResponse response_;  // belongs to gRPC while `writing_`
  Mutex mutex_;
  std::shared_ptr<WatchCall> self_ ABSL_GUARDED_BY(mutex_);  // until OnDone
  Stage stage_ ABSL_GUARDED_BY(mutex_) = Stage::kReading;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<HealthCheckResponse::ServingStatus> next_ ABSL_GUARDED_BY(mutex_);
};

HealthService::HealthService(size_t most_reads) : most_reads_(most_reads) {
  AddBidiMethod<HealthCheckRequest, HealthCheckResponse>(
      "/grpc.health.v1.Health/Check",
      [this](grpc::CallbackServerContext*) { return new CheckCall(this); });
  AddBidiMethod<HealthListRequest, HealthListResponse>(
      "/grpc.health.v1.Health/List",
      [this](grpc::CallbackServerContext*) { return new ListCall(*this); });
  AddBidiMethod<HealthCheckRequest, HealthCheckResponse>(
      "/grpc.health.v1.Health/Watch", [this](grpc::CallbackServerContext*) {
        const auto call = std::make_shared<WatchCall>(this);
        call->Begin();
        return call.get();
      });
}

void HealthService::SetServingStatus(const std::string& name, bool serving) {
  MutexLock lock(&mutex_);
  const Status status = serving ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
  statuses_[name] = status;
  const auto watchers = watchers_.find(name);
  if (watchers == watchers_.end()) return;
  // Under the lock, so that each watcher hears of all changes in their order. gRPC never calls a
  // reactor from within StartWrite.
  for (const std::shared_ptr<WatchCall>& call : watchers->second) call->Tell(status);
}

void HealthService::BeginRead(HealthCall* call) {
  HealthCall* oldest = nullptr;
  {
    MutexLock lock(&mutex_);
    if (reads_.size() >= most_reads_) {
      oldest = reads_.front();
      reads_.pop_front();
    }
    reads_.push_back(call);
  }
  // It lives, since only this ends it now.
  if (oldest != nullptr) oldest->Evict();
}

bool HealthService::EndRead(HealthCall* call) {
  MutexLock lock(&mutex_);
  return reads_.remove(call) > 0;
}

HealthService::Status HealthService::StatusOf(absl::string_view name) const {
  MutexLock lock(&mutex_);
  const auto found = statuses_.find(name);
  return found == statuses_.end() ? HealthCheckResponse::SERVICE_UNKNOWN : found->second;
}

HealthService::StatusMap HealthService::Statuses() const {
  MutexLock lock(&mutex_);
  return statuses_;
}

void HealthService::AddWatcher(const std::string& name, const std::shared_ptr<WatchCall>& call) {
  MutexLock lock(&mutex_);
  watchers_[name].insert(call);
  const auto found = statuses_.find(name);
  call->Tell(found == statuses_.end() ? HealthCheckResponse::SERVICE_UNKNOWN : found->second);
}

void HealthService::RemoveWatcher(const std::string& name, const std::shared_ptr<WatchCall>& call) {
  MutexLock lock(&mutex_);
  const auto watchers = watchers_.find(name);
  if (watchers == watchers_.end()) return;
  watchers->second.erase(call);
  if (watchers->second.empty()) watchers_.erase(watchers);
}

}  // namespace vidmuse
