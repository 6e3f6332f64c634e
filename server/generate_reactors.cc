#include "server/generate_reactors.h"

#include <memory>
#include <utility>

namespace vidmuse {
namespace {

class StreamedCall final
    : public grpc::ServerBidiReactor<v1::GenerateMusicRequest, v1::GenerateMusicResponse>,
      public GenerateCall {
 public:
  using GenerateCall::GenerateCall;

  void OnReadDone(bool ok) override { ReadDone(ok); }
  void OnWriteDone(bool ok) override { WriteDone(ok); }
  void OnCancel() override { Cancelled(); }
  void OnDone() override { Done(); }

 private:
  const char* MethodName() const override { return "GenerateMusic"; }
  void ReadMessage(v1::GenerateMusicRequest* message) override { StartRead(message); }
  void WriteMessage(const v1::GenerateMusicResponse* message) override { StartWrite(message); }
  void SendHeaders() override { StartSendInitialMetadata(); }
  void FinishCall(const grpc::Status& status) override { Finish(status); }
};

}  // namespace

// Splits the one request into the messages that a streamed call would receive. It is read like a
// stream of one message, so that a call is admitted before gRPC takes memory for its request. Not
// in the unnamed namespace, since tests/support/tsan.supp names it.
class WholeCall final
    : public grpc::ServerBidiReactor<v1::GenerateMusicFromVideoRequest, v1::GenerateMusicResponse>,
      public GenerateCall {
 public:
  using GenerateCall::GenerateCall;

  void OnReadDone(bool ok) override {
    if (!ok) return ReadDone(false);
    next_ = Next::kConfig;
    ReadMessage(part_);
  }
  void OnWriteDone(bool ok) override { WriteDone(ok); }
  void OnCancel() override { Cancelled(); }
  void OnDone() override { Done(); }

 private:
  enum class Next { kWhole, kConfig, kVideo, kEnd };

  bool IsOneMessage() const override { return true; }
  const char* MethodName() const override { return "GenerateMusicFromVideo"; }

  void ReadMessage(v1::GenerateMusicRequest* message) override {
    switch (next_) {
      case Next::kWhole:
        part_ = message;
        return StartRead(&whole_);
      case Next::kConfig:
        next_ = whole_.video().empty() ? Next::kEnd : Next::kVideo;
        message->mutable_config()->Swap(whole_.mutable_config());
        if (!message->config().has_video_bytes()) {
          message->mutable_config()->set_video_bytes(whole_.video().size());
        }
        return ReadDone(true);
      case Next::kVideo:
        next_ = Next::kEnd;
        message->mutable_video_chunk()->swap(*whole_.mutable_video());
        return ReadDone(true);
      case Next::kEnd:
        return ReadDone(false);
    }
  }
  void WriteMessage(const v1::GenerateMusicResponse* message) override { StartWrite(message); }
  void SendHeaders() override { StartSendInitialMetadata(); }
  void FinishCall(const grpc::Status& status) override { Finish(status); }

  // These belong to gRPC while the read is outstanding.
  v1::GenerateMusicFromVideoRequest whole_;
  v1::GenerateMusicRequest* part_ = nullptr;  // where the parts go
  Next next_ = Next::kWhole;
};

namespace {

// Answers without reading the request, which has no fields: so gRPC takes no memory for it.
class ModelInfoCall final
    : public grpc::ServerBidiReactor<v1::GetModelInfoRequest, v1::GetModelInfoResponse> {
 public:
  explicit ModelInfoCall(v1::GetModelInfoResponse response) : response_(std::move(response)) {
    StartWriteAndFinish(&response_, grpc::WriteOptions(), grpc::Status::OK);
  }
  void OnDone() override { delete this; }

 private:
  const v1::GetModelInfoResponse response_;
};

}  // namespace

grpc::ServerBidiReactor<v1::GenerateMusicRequest, v1::GenerateMusicResponse>* StartGenerateMusic(
    const CallEnvironment& environment, grpc::CallbackServerContext* context) {
  const auto call = std::make_shared<StreamedCall>(environment, context);
  call->Begin();
  return call.get();
}

grpc::ServerBidiReactor<v1::GenerateMusicFromVideoRequest, v1::GenerateMusicResponse>*
StartGenerateMusicFromVideo(const CallEnvironment& environment,
                            grpc::CallbackServerContext* context) {
  const auto call = std::make_shared<WholeCall>(environment, context);
  call->Begin();
  return call.get();
}

grpc::ServerBidiReactor<v1::GetModelInfoRequest, v1::GetModelInfoResponse>* AnswerGetModelInfo(
    v1::GetModelInfoResponse response) {
  return new ModelInfoCall(std::move(response));
}

}  // namespace vidmuse
