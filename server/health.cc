#include "server/health.h"

#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {

HealthReporter::HealthReporter(const Generator* generator, HealthService* service,
                               absl::Duration period)
    : generator_(generator), service_(service), period_(period) {
  Update();
  thread_ = std::thread([this] { Run(); });
}

HealthReporter::~HealthReporter() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void HealthReporter::SetDraining() {
  {
    MutexLock lock(&mutex_);
    draining_ = true;
  }
  Update();
}

void HealthReporter::Run() {
  while (true) {
    {
      MutexLock lock(&mutex_);
      const bool stopping = mutex_.AwaitFor(
          period_, [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_; });
      if (stopping) return;
    }
    Update();
  }
}

void HealthReporter::Update() {
  const bool live = generator_->Health().ok();
  MutexLock lock(&mutex_);
  const bool ready = live && !draining_;
  if (live_ != live) service_->SetServingStatus("liveness", live);
  if (ready_ != ready) {
    for (const char* name : {"", "readiness", v1::MusicService::service_full_name()}) {
      service_->SetServingStatus(name, ready);
    }
  }
  live_ = live;
  ready_ = ready;
}

}  // namespace vidmuse
