// Many large messages at once, to methods that take a single message: they must not take the memory
// that running calls need. And many calls of a method that takes a thread.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/sanitized.h"
#include "tests/support/subprocess.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {
namespace {

constexpr size_t kMessageBytes = 4 << 20;
constexpr int kUploads = 4;
constexpr int kChannels = 8;
constexpr int kCallsPerChannel = 48;

// The most memory that a process has had, in bytes.
int64_t PeakMemory(pid_t pid) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::stoll(line.substr(6)) << 10;
  }
  ADD_FAILURE() << "no VmHWM";
  return 0;
}

std::shared_ptr<grpc::Channel> NewChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// A field that no message has, of `bytes` bytes in all.
grpc::ByteBuffer UnknownField(size_t bytes) {
  std::string message = "\xfa\x3f";  // field 1023, bytes
  const size_t rest = bytes - 6;
  for (int i = 0; i < 3; ++i) message.push_back(static_cast<char>((rest >> (7 * i)) | 0x80));
  message.push_back(static_cast<char>(rest >> 21));
  message.resize(bytes, 'x');
  const grpc::Slice slice(message);
  return grpc::ByteBuffer(&slice, 1);
}

// Calls `method` from many connections at once, and returns how many calls ended with which code.
std::map<grpc::StatusCode, int> Flood(const std::string& address, const std::string& method) {
  struct Call {
    grpc::ClientContext context;
    std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
    grpc::ByteBuffer answer;
    grpc::Status status;
  };
  const grpc::ByteBuffer message = UnknownField(kMessageBytes);
  grpc::CompletionQueue queue;
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 0; i < kChannels; ++i) channels.push_back(NewChannel(address));
  for (int i = 0; i < kChannels * kCallsPerChannel; ++i) {
    Call& call = *calls.emplace_back(std::make_unique<Call>());
    call.context.set_deadline(std::chrono::system_clock::now() +
                              kPatience * std::chrono::seconds(120));
    call.reader = grpc::GenericStub(channels[i % kChannels])
                      .PrepareUnaryCall(&call.context, method, message, &queue);
    call.reader->StartCall();
    call.reader->Finish(&call.answer, &call.status, &call);
  }
  std::map<grpc::StatusCode, int> codes;
  void* tag = nullptr;
  bool ok = false;
  for (size_t i = 0; i < calls.size() && queue.Next(&tag, &ok); ++i) {
    ++codes[static_cast<Call*>(tag)->status.error_code()];
  }
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  return codes;
}

class MessageMemoryTest : public testing::Test {
 protected:
  void SetUp() override {
    auto started = Subprocess::Start(
        {VIDMUSE_BIN_DIR "/tests/vidmuse_fake_server", "--model_dir=m", "--listen=127.0.0.1:0",
         "--metrics_listen=", absl::StrCat("--max_message_bytes=", kMessageBytes),
         absl::StrCat("--max_concurrent_uploads=", kUploads)});
    ASSERT_TRUE(started.ok()) << started.status();
    server_ = *std::move(started);
    const auto line = server_->WaitForErrorLine("ready on", kPatience * absl::Seconds(20));
    ASSERT_TRUE(line.ok()) << line.status();
    const size_t at = line->find("127.0.0.1:");
    address_ = line->substr(at, line->find_first_of(", \"", at) - at);
  }

  std::unique_ptr<Subprocess> server_;
  std::string address_;
};

TEST_F(MessageMemoryTest, AFloodOfLargeMessagesIsBoundedAndLeavesOtherCallsAlone) {
  const auto stub = v1::MusicService::NewStub(NewChannel(address_));
  grpc::ClientContext context;
  const auto song = stub->GenerateMusic(&context);
  v1::GenerateMusicRequest request;
  request.mutable_config();
  ASSERT_TRUE(song->Write(request));
  song->WaitForInitialMetadata();
  const int64_t before = PeakMemory(server_->pid());

  // Nothing of these messages is read.
  auto codes = Flood(address_, "/vidmuse.v1.MusicService/GetModelInfo");
  EXPECT_EQ(codes[grpc::StatusCode::OK], kChannels * kCallsPerChannel);
  // These are read by calls that hold an upload slot. One is taken by the song.
  codes = Flood(address_, "/vidmuse.v1.MusicService/GenerateMusicFromVideo");
  const int read = codes[grpc::StatusCode::INVALID_ARGUMENT];  // it has no video
  const int refused = codes[grpc::StatusCode::RESOURCE_EXHAUSTED];
  EXPECT_GE(read, 1);
  EXPECT_GE(refused, 1);
  EXPECT_EQ(read + refused, kChannels * kCallsPerChannel);
  // Of these only a few are read at once.
  codes = Flood(address_, "/grpc.health.v1.Health/Check");
  const int checked = codes[grpc::StatusCode::OK];
  EXPECT_GE(checked, 1);
  EXPECT_EQ(checked + codes[grpc::StatusCode::RESOURCE_EXHAUSTED], kChannels * kCallsPerChannel);
  // All messages together have 1.6 GB three times. The rest is what gRPC buffers of each call.
  const int64_t more = PeakMemory(server_->pid()) - before;
  if (!kSanitized) {
    EXPECT_LT(more, kUploads * 2 * kMessageBytes + (150 << 20));
  }

  request.set_video_chunk("video");
  ASSERT_TRUE(song->Write(request));
  song->WritesDone();
  v1::GenerateMusicResponse response;
  int messages = 0;
  while (song->Read(&response)) ++messages;
  const grpc::Status status = song->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(messages, 2);
}

int Threads(pid_t pid) {
  const std::filesystem::directory_iterator tasks(absl::StrCat("/proc/", pid, "/task"));
  return static_cast<int>(std::distance(begin(tasks), end(tasks)));
}

// gRPC gives each reflection call a thread.
TEST_F(MessageMemoryTest, ReflectionTakesABoundedNumberOfThreads) {
  const int before = Threads(server_->pid());
  grpc::CompletionQueue queue;
  grpc::GenericStub stub(NewChannel(address_));
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::GenericClientAsyncReaderWriter>> calls;
  void* tag = nullptr;
  bool ok = false;
  for (int i = 0; i < 100; ++i) {
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    calls.push_back(
        stub.PrepareCall(contexts.back().get(),
                         "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue));
    calls.back()->StartCall(nullptr);
    ASSERT_TRUE(queue.Next(&tag, &ok));
  }
  // The server answers the last call, one way or the other, after it has begun with all of them.
  const grpc::Slice list("\x3a\x00", 2);  // list_services = ""
  calls.back()->Write(grpc::ByteBuffer(&list, 1), nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok));
  grpc::ByteBuffer answer;
  calls.back()->Read(&answer, nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok));
  EXPECT_LE(Threads(server_->pid()) - before, 40);
  for (const auto& call : contexts) call->TryCancel();
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
}

}  // namespace
}  // namespace vidmuse
