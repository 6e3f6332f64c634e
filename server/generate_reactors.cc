#include "server/generate_reactors.h"

#include <memory>

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
  void ReadMessage(v1::GenerateMusicRequest* message) override { StartRead(message); }
  void WriteMessage(const v1::GenerateMusicResponse* message) override { StartWrite(message); }
  void SendHeaders() override { StartSendInitialMetadata(); }
  void FinishCall(const grpc::Status& status) override { Finish(status); }
};

// Splits the one request into the messages that a streamed call would receive.
class WholeCall final : public grpc::ServerWriteReactor<v1::GenerateMusicResponse>,
                        public GenerateCall {
 public:
  WholeCall(const CallEnvironment& environment, grpc::CallbackServerContext* context,
            const v1::GenerateMusicFromVideoRequest* request)
      : GenerateCall(environment, context), whole_(*request) {}

  void OnWriteDone(bool ok) override { WriteDone(ok); }
  void OnCancel() override { Cancelled(); }
  void OnDone() override { Done(); }

 private:
  enum class Next { kConfig, kVideo, kEnd };

  void ReadMessage(v1::GenerateMusicRequest* message) override {
    switch (next_) {
      case Next::kConfig:
        next_ = whole_.video().empty() ? Next::kEnd : Next::kVideo;
        *message->mutable_config() = whole_.config();
        if (!whole_.config().has_video_bytes()) {
          message->mutable_config()->set_video_bytes(whole_.video().size());
        }
        return ReadDone(true);
      case Next::kVideo:
        next_ = Next::kEnd;
        message->set_video_chunk(whole_.video());
        return ReadDone(true);
      case Next::kEnd:
        return ReadDone(false);
    }
  }
  void WriteMessage(const v1::GenerateMusicResponse* message) override { StartWrite(message); }
  void SendHeaders() override { StartSendInitialMetadata(); }
  void FinishCall(const grpc::Status& status) override { Finish(status); }

  const v1::GenerateMusicFromVideoRequest& whole_;
  Next next_ = Next::kConfig;
};

}  // namespace

grpc::ServerBidiReactor<v1::GenerateMusicRequest, v1::GenerateMusicResponse>* StartGenerateMusic(
    const CallEnvironment& environment, grpc::CallbackServerContext* context) {
  const auto call = std::make_shared<StreamedCall>(environment, context);
  call->Begin();
  return call.get();
}

grpc::ServerWriteReactor<v1::GenerateMusicResponse>* StartGenerateMusicFromVideo(
    const CallEnvironment& environment, grpc::CallbackServerContext* context,
    const v1::GenerateMusicFromVideoRequest* request) {
  const auto call = std::make_shared<WholeCall>(environment, context, request);
  call->Begin();
  return call.get();
}

}  // namespace vidmuse
