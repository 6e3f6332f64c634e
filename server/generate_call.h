// One call that makes music: moves messages between gRPC and a MusicStream.
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
#include "server/call_registry.h"
#include "server/call_slots.h"
#include "server/call_trace.h"
#include "server/load_meter.h"
#include "server/options.h"
#include "server/request_log.h"
#include "server/tracked_call.h"
#include "vidmuse/generator.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {

// What all calls share. Everything here outlives the calls.
struct CallEnvironment {
  Generator* generator;
  MetricsSink* metrics;
  RequestLog* log;
  CallSlots* slots;
  CallRegistry* calls;
  ApiKeys* keys;  // null: no keys are needed
  const ServerOptions* options;
  const Clock* clock;  // for all timeouts except the call's deadline
  LoadMeter* load;
  std::shared_ptr<const Tracer> tracer;  // null: no traces are recorded
};

// Lifetime. The call keeps itself alive until gRPC calls OnDone, which happens after Finish and
// after every operation has been reported. Nothing may use the call after that, so Finish is called
// only when no MusicStream::Read, no write and no CutOff is outstanding. The registry holds weak
// references.
//
// Threads. gRPC reports reads, writes and cancellation from different threads, and the generator
// reports events from its own. `mutex_` guards what they share. It is never held while a method of
// the stream or an operation of gRPC is called.
//
// The first reason to end wins (End). The stream is then cancelled, its outstanding Read returns,
// and the call finishes with that reason.
//
// A subclass, which is a gRPC reactor, receives and sends the messages; see generate_reactors.h.
class GenerateCall : public TrackedCall, public std::enable_shared_from_this<GenerateCall> {
 public:
  GenerateCall(const CallEnvironment& environment, grpc::CallbackServerContext* context);
  ~GenerateCall() override;

  // Admits the call and starts reading. Must be called first, once.
  void Begin();

  // Ends the call with `status`. OK means that everything was sent; otherwise the stream is
  // cancelled with `status`.
  void End(absl::Status status) override;
  absl::Duration CheckProgress(absl::Duration now) override;

 protected:
  // Subclasses forward the reactor's events to these.
  void ReadDone(bool ok);
  void WriteDone(bool ok);
  void Cancelled();
  void Done();

 private:
  // Reads the next message of the upload. ReadDone reports it, or the end of the upload.
  virtual void ReadMessage(v1::GenerateMusicRequest* message) = 0;
  // Sends a message, which must not change until WriteDone.
  virtual void WriteMessage(const v1::GenerateMusicResponse* message) = 0;
  virtual void SendHeaders() = 0;
  virtual void FinishCall(const grpc::Status& status) = 0;
  // Whether the whole upload is one message. gRPC tells nothing of a message before its end, so
  // only upload_timeout_seconds applies until it is there.
  virtual bool IsOneMessage() const { return false; }
  virtual const char* MethodName() const = 0;

  // These handle the upload message by message. `number` counts from 1. An error ends the call.
  absl::Status OnMessage(int64_t number);
  absl::Status OnConfig(int64_t number, const v1::GenerateMusicConfig& config);
  absl::Status OnVideoChunk(const std::string& bytes);
  absl::Status OnUploadEnd();
  void ReleaseUploadSlot() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns an error if the upload is too slow.
  absl::Status CheckUpload(absl::Duration now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // When CheckUpload may first return an error, if no message comes until then.
  absl::Duration UploadDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends a call whose client takes no messages, by making its outstanding write fail.
  void CutOff(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  // The stream's events are handled one at a time: Read, OnEvent, write, WriteDone, Read.
  void ReadStream();
  void OnEvent(absl::StatusOr<StreamEvent> event);
  // Puts the event into `response_`, to be written. Returns false if the call has ended, so that
  // there is nothing to write.
  bool TakeEvent(absl::StatusOr<StreamEvent> event);
  void Record(const StreamEvent& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Finishes the call if it has ended and nothing is outstanding. `this` may be deleted when this
  // returns, unless it is called from one of the reactor's events.
  void MaybeFinish();

  const CallEnvironment environment_;
  grpc::CallbackServerContext* const context_;
  const std::string request_id_;
  const absl::Duration began_;  // Clock::Monotonic(), like all points in time here

  std::optional<CallTrace> trace_;  // constant once the call has begun

  // Used by the read side alone, whose events come one at a time.
  v1::GenerateMusicRequest request_;

  // Belongs to gRPC while a write is outstanding, otherwise to OnEvent.
  v1::GenerateMusicResponse response_;

  Mutex mutex_;
  std::shared_ptr<GenerateCall> self_ ABSL_GUARDED_BY(mutex_);  // until OnDone
  // Set once. Its methods are called without the lock.
  std::unique_ptr<MusicStream> stream_ ABSL_GUARDED_BY(mutex_);
  bool submitted_ ABSL_GUARDED_BY(mutex_) = false;  // so the generator counts the request
  bool entered_ ABSL_GUARDED_BY(mutex_) = false;    // holds a call slot
  bool uploading_ ABSL_GUARDED_BY(mutex_) = false;  // holds an upload slot
  int64_t messages_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<uint64_t> declared_bytes_ ABSL_GUARDED_BY(mutex_);  // of the video
  absl::Duration last_message_ ABSL_GUARDED_BY(mutex_);
  bool stream_read_outstanding_ ABSL_GUARDED_BY(mutex_) = false;
  bool write_outstanding_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Duration write_began_ ABSL_GUARDED_BY(mutex_);
  bool cutting_off_ ABSL_GUARDED_BY(mutex_) = false;  // CutOff is running
  bool last_event_ ABSL_GUARDED_BY(mutex_) = false;   // `response_` is the last message
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  RequestRecord record_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_GENERATE_CALL_H_
