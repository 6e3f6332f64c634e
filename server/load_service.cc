#include "server/load_service.h"

#include <pthread.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "xds/service/orca/v3/orca.pb.h"

namespace vidmuse {

using xds::data::orca::v3::OrcaLoadReport;
using xds::service::orca::v3::OrcaLoadReportRequest;

namespace {

constexpr absl::Duration kLook = absl::Milliseconds(250);

absl::Duration IntervalOf(const OrcaLoadReportRequest& request) {
  const absl::Duration asked = absl::Seconds(request.report_interval().seconds()) +
                               absl::Nanoseconds(request.report_interval().nanos());
  if (asked <= absl::ZeroDuration()) return LoadService::kDefaultInterval;
  return std::max(asked, LoadService::kLeastInterval);
}

}  // namespace

// The call keeps itself alive until OnDone, which comes after Finish. Finish is called once: when
// the call has ended and no write is outstanding.
class LoadStream final : public grpc::ServerBidiReactor<OrcaLoadReportRequest, OrcaLoadReport>,
                         public std::enable_shared_from_this<LoadStream> {
 public:
  explicit LoadStream(LoadService* service)
      : service_(service), due_(service->Now() + LoadService::kRequestTimeout) {}

  // Must be called first, once.
  void Begin() {
    {
      MutexLock lock(&mutex_);
      self_ = shared_from_this();
    }
    if (service_->Enter(shared_from_this())) {
      StartRead(&request_);
    } else {
      End({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many streams of load reports"});
    }
  }

  // Sends a report if one is due, or ends a call whose request hasn't come in time.
  void Look(absl::Duration now) {
    bool write = false;
    {
      MutexLock lock(&mutex_);
      if (end_ || writing_ || now < due_) return;
      write = !reading_;
      if (write) {
        TakeReport(now);
      } else {
        end_ = {grpc::StatusCode::DEADLINE_EXCEEDED, "no request came"};
      }
    }
    write ? StartWrite(&response_) : FinishIfEnded();
  }

  void OnReadDone(bool ok) override {
    {
      MutexLock lock(&mutex_);
      if (end_) return;
      reading_ = false;
      if (ok) {
        interval_ = IntervalOf(request_);
        OrcaLoadReportRequest().Swap(&request_);  // frees the message
        TakeReport(service_->Now());
      } else {
        end_ = {grpc::StatusCode::INVALID_ARGUMENT, "no request"};
      }
    }
    ok ? StartWrite(&response_) : FinishIfEnded();
  }
  void OnWriteDone(bool ok) override {
    {
      MutexLock lock(&mutex_);
      writing_ = false;
      if (!ok && !end_) end_ = grpc::Status::CANCELLED;
    }
    FinishIfEnded();
  }
  void OnCancel() override { End(grpc::Status::CANCELLED); }
  void OnDone() override {
    std::shared_ptr<LoadStream> last;  // released without the lock, which goes with the call
    MutexLock lock(&mutex_);
    last = std::move(self_);
  }

 private:
  void TakeReport(absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    writing_ = true;
    due_ = now + interval_;
    response_ = service_->meter_->Report();
  }

  void End(const grpc::Status& status) ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      MutexLock lock(&mutex_);
      if (!end_) end_ = status;
    }
    FinishIfEnded();
  }

  void FinishIfEnded() ABSL_LOCKS_EXCLUDED(mutex_) {
    grpc::Status status;
    {
      MutexLock lock(&mutex_);
      if (!end_ || writing_ || finished_) return;
      finished_ = true;
      status = *end_;
    }
    service_->Leave(shared_from_this());
    Finish(status);
  }

  LoadService* const service_;
  OrcaLoadReportRequest request_;  // belongs to gRPC while `reading_`
  OrcaLoadReport response_;        // belongs to gRPC while `writing_`
  Mutex mutex_;
  std::shared_ptr<LoadStream> self_ ABSL_GUARDED_BY(mutex_);  // until OnDone
  absl::Duration interval_ ABSL_GUARDED_BY(mutex_);
  absl::Duration due_ ABSL_GUARDED_BY(mutex_);  // the next report, or before it the request
  bool reading_ ABSL_GUARDED_BY(mutex_) = true;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<grpc::Status> end_ ABSL_GUARDED_BY(mutex_);
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

LoadService::LoadService(const LoadMeter* meter, size_t most_streams, const Clock* clock)
    : meter_(meter), most_streams_(most_streams), clock_(clock), thread_([this] { Run(); }) {
  AddBidiMethod<OrcaLoadReportRequest, OrcaLoadReport>(
      "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics",
      [this](grpc::CallbackServerContext*) {
        const auto stream = std::make_shared<LoadStream>(this);
        stream->Begin();
        return stream.get();
      });
}

LoadService::~LoadService() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

bool LoadService::Enter(const std::shared_ptr<LoadStream>& stream) {
  MutexLock lock(&mutex_);
  if (streams_.size() >= most_streams_) return false;
  streams_.insert(stream);
  return true;
}

void LoadService::Leave(const std::shared_ptr<LoadStream>& stream) {
  MutexLock lock(&mutex_);
  streams_.erase(stream);
}

void LoadService::Run() {
  pthread_setname_np(pthread_self(), "vm-load");
  for (;;) {
    std::vector<std::shared_ptr<LoadStream>> streams;
    {
      MutexLock lock(&mutex_);
      mutex_.Await([this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return stopping_ || !streams_.empty();
      });
      const bool stopping = mutex_.AwaitFor(
          kLook, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_; });
      if (stopping) return;
      streams.assign(streams_.begin(), streams_.end());
    }
    for (const auto& stream : streams) stream->Look(Now());
  }
}

}  // namespace vidmuse
