// A generator that makes no music. Tests set the events that each request gets, and look at what
// happened to it.
#ifndef VIDMUSE_TESTS_SUPPORT_FAKE_GENERATOR_H_
#define VIDMUSE_TESTS_SUPPORT_FAKE_GENERATOR_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "core/base/mutex.h"
#include "vidmuse/generator.h"

namespace vidmuse {

// A test's view of one admitted request. It may outlive the stream. Thread-safe.
class FakeRequest {
 public:
  FakeRequest(GenerationRequest request, std::vector<absl::StatusOr<StreamEvent>> after_video)
      : request_(std::move(request)), after_video_(std::move(after_video)) {}

  const GenerationRequest& request() const { return request_; }

  // Queues an event or an error for the reader. If the reader waits, calls its callback from this
  // thread.
  void Push(absl::StatusOr<StreamEvent> event);
  // From now on, AppendVideo and FinishVideo return `status`.
  void FailUpload(absl::Status status);

  std::string video() const;
  bool finished_video() const;
  absl::Status cancelled() const;  // OK: not cancelled
  bool destroyed() const;
  int reads() const;  // calls of MusicStream::Read

  // Each of these returns false if `timeout` passed first.
  bool WaitForVideo(size_t bytes, absl::Duration timeout = absl::Seconds(20)) const;
  bool WaitForFinishedVideo(absl::Duration timeout = absl::Seconds(20)) const;
  bool WaitForCancel(absl::Duration timeout = absl::Seconds(20)) const;
  bool WaitForDestruction(absl::Duration timeout = absl::Seconds(20)) const;
  // Waits for at least `reads` calls of Read.
  bool WaitForReads(int reads, absl::Duration timeout = absl::Seconds(20)) const;

 private:
  friend class FakeStream;

  void Deliver() ABSL_LOCKS_EXCLUDED(mutex_);

  const GenerationRequest request_;
  mutable Mutex mutex_;
  std::string video_ ABSL_GUARDED_BY(mutex_);
  bool finished_video_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status upload_status_ ABSL_GUARDED_BY(mutex_);
  absl::Status cancelled_ ABSL_GUARDED_BY(mutex_);
  bool destroyed_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<absl::StatusOr<StreamEvent>> events_ ABSL_GUARDED_BY(mutex_);
  std::vector<absl::StatusOr<StreamEvent>> after_video_ ABSL_GUARDED_BY(mutex_);
  MusicStream::ReadCallback reader_ ABSL_GUARDED_BY(mutex_);
  int reads_ ABSL_GUARDED_BY(mutex_) = 0;
  int callbacks_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Thread-safe. Aborts the process with a message if its caller breaks the contract of generator.h.
class FakeGenerator : public Generator {
 public:
  FakeGenerator();

  // Makes the next Submit return `status`. Several calls queue up, for one Submit each.
  void RefuseNext(absl::Status status);
  // Each request admitted from now on gets `events` once its video is complete.
  void SetScript(std::vector<absl::StatusOr<StreamEvent>> events);
  void SetHealth(absl::Status health);
  // Submit calls `on_submit` first, which may throw. Must be called before the first request.
  void SetOnSubmit(std::function<void()> on_submit) { on_submit_ = std::move(on_submit); }

  // Waits for admitted request number `index`, from 0. Null if `timeout` passed first.
  std::shared_ptr<FakeRequest> WaitForRequest(size_t index,
                                              absl::Duration timeout = absl::Seconds(20)) const;
  int submissions() const;  // calls of Submit, refused ones included
  // Waits for BeginDrain. False if `timeout` passed first.
  bool WaitForDrain(absl::Duration timeout = absl::Seconds(20)) const;

  absl::StatusOr<std::unique_ptr<MusicStream>> Submit(GenerationRequest request) override;
  const ModelInfo& model_info() const override { return model_info_; }
  // Must be called before the first request.
  void set_fingerprint(const std::string& fingerprint) { model_info_.fingerprint = fingerprint; }
  const Limits& limits() const override { return limits_; }
  absl::Status Health() const override;
  void BeginDrain() override;
  bool WaitUntilIdle(absl::Duration timeout) override;

 private:
  ModelInfo model_info_;
  Limits limits_;
  std::function<void()> on_submit_;
  mutable Mutex mutex_;
  std::deque<absl::Status> refusals_ ABSL_GUARDED_BY(mutex_);
  std::vector<absl::StatusOr<StreamEvent>> script_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<FakeRequest>> requests_ ABSL_GUARDED_BY(mutex_);
  absl::Status health_ ABSL_GUARDED_BY(mutex_);
  int submissions_ ABSL_GUARDED_BY(mutex_) = 0;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_FAKE_GENERATOR_H_
