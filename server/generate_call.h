// One GenerateMusic call: moves messages between gRPC and a MusicStream.
#ifndef VIDMUSE_SERVER_GENERATE_CALL_H_
#define VIDMUSE_SERVER_GENERATE_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "server/api_keys.h"
#include "server/call_tracker.h"
#include "server/options.h"
#include "server/request_log.h"
#include "vidmuse/generator.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {

// What all calls share. Outlives them.
struct CallEnvironment {
  Generator* generator;
  MetricsSink* metrics;
  RequestLog* log;
  CallTracker* tracker;
  ApiKeys* keys;  // null: none are needed
  const ServerOptions* options;
  const Clock* clock;  // of all timeouts but the call's deadline
};

// Lifetime. gRPC calls OnDone last, after Finish and after every operation has been reported; the
// call keeps itself alive till then. So nothing may run into a call after Finish: Finish waits
// until neither a MusicStream::Read, a write nor a cancellation of ours is outstanding. The tracker
// holds weak references.
//
// Threads. gRPC reports reads, writes and cancellation from different threads, the generator
// reports events from its own. `mutex_` guards what they share, and is never held while the stream
// or gRPC's operations are called.
//
// The first reason to end wins (End); the stream is then cancelled, its outstanding Read comes
// back, and the call finishes with that reason.
//
// How messages come and go is a subclass's, a reactor of gRPC's: see generate_reactors.h.
class GenerateCall : public TrackedCall, public std::enable_shared_from_this<GenerateCall> {
 public:
  GenerateCall(const CallEnvironment& environment, grpc::CallbackServerContext* context);
  ~GenerateCall() override;

  // The first thing that is done with a call.
  void Begin();

  // The stream is cancelled with `status`. OK: everything was sent.
  void End(absl::Status status) override;
  void CheckProgress(absl::Duration now) override;

 protected:
  // What gRPC tells; see its reactors.
  void ReadDone(bool ok);
  void WriteDone(bool ok);
  void Cancelled();
  void Done();

 private:
  // Asks for the next message of the upload; ReadDone tells of it, or of the upload's end.
  virtual void ReadMessage(v1::GenerateMusicRequest* message) = 0;
  // Sends a message, which stays as it is until WriteDone.
  virtual void WriteMessage(const v1::GenerateMusicResponse* message) = 0;
  virtual void SendHeaders() = 0;
  virtual void FinishCall(const grpc::Status& status) = 0;

  // The upload, message by message. An error ends the call.
  absl::Status OnMessage(int64_t number);  // from 1
  absl::Status OnConfig(int64_t number, const v1::GenerateMusicConfig& config);
  absl::Status OnVideoChunk(const std::string& bytes);
  absl::Status OnUploadEnd();
  void ReleaseUploadSlot() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // OK unless the upload is too slow.
  absl::Status CheckUpload(absl::Duration now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends a call whose client takes no message: its write must fail first.
  void CutOff(absl::Status status) ABSL_LOCKS_EXCLUDED(mutex_);

  // The stream's events, one at a time: Read, OnEvent, write, WriteDone, Read.
  void ReadStream();
  void OnEvent(absl::StatusOr<StreamEvent> event);
  // Puts the event into `response_`, to be written. False: there is nothing to write, since the
  // call has ended.
  bool TakeEvent(absl::StatusOr<StreamEvent> event);
  void Record(const StreamEvent& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Finishes if the call has ended and nothing is outstanding. `this` may be gone afterwards,
  // unless called from one of gRPC's reactions.
  void MaybeFinish();

  const CallEnvironment environment_;
  grpc::CallbackServerContext* const context_;
  const std::string request_id_;
  const absl::Duration began_;  // Clock::Monotonic(), as all points in time here

  // Of the read side, which gRPC runs one reaction at a time.
  v1::GenerateMusicRequest request_;

  // Of the write side: gRPC's while a write is outstanding, else OnEvent's.
  v1::GenerateMusicResponse response_;

  Mutex mutex_;
  std::shared_ptr<GenerateCall> self_ ABSL_GUARDED_BY(mutex_);  // until OnDone
  // Set once. Calls on it need no lock.
  std::unique_ptr<MusicStream> stream_ ABSL_GUARDED_BY(mutex_);
  bool submitted_ ABSL_GUARDED_BY(mutex_) = false;  // the generator counts the request
  bool entered_ ABSL_GUARDED_BY(mutex_) = false;    // the tracker let it in
  bool uploading_ ABSL_GUARDED_BY(mutex_) = false;  // holds an upload slot
  int64_t messages_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<uint64_t> declared_bytes_ ABSL_GUARDED_BY(mutex_);  // of the video
  absl::Duration last_message_ ABSL_GUARDED_BY(mutex_);
  bool stream_read_outstanding_ ABSL_GUARDED_BY(mutex_) = false;
  bool write_outstanding_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration write_began_ ABSL_GUARDED_BY(mutex_);
  bool cutting_off_ ABSL_GUARDED_BY(mutex_) = false;  // CutOff runs
  bool last_event_ ABSL_GUARDED_BY(mutex_) = false;   // `response_` is the last message
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  RequestRecord record_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_GENERATE_CALL_H_
