// What the linked gRPC says when connections and streams break: FromGrpcStatus knows all of it.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/retry_policy.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {
namespace {

// Frame types of HTTP/2.
constexpr char kHeaders = 1;
constexpr char kResetStream = 3;
constexpr char kSettings = 4;
constexpr char kGoAway = 7;

std::string BigEndian(uint32_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text.push_back(static_cast<char>(value >> (8 * i)));
  return text;
}

std::string Frame(char type, char flags, uint32_t stream, const std::string& payload) {
  return absl::StrCat(BigEndian(static_cast<uint32_t>(payload.size()), 3), std::string(1, type),
                      std::string(1, flags), BigEndian(stream, 4), payload);
}

// Speaks just enough HTTP/2 to receive one call, and then does what a broken server does.
class BrokenServer {
 public:
  // `respond`: the bytes that answer the call of stream `stream`; then the connection is closed,
  // with a TCP reset if `reset`.
  using Respond = std::function<std::string(uint32_t stream)>;

  BrokenServer(Respond respond, bool reset) : respond_(std::move(respond)), reset_(reset) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~BrokenServer() {
    thread_.join();
    close(listener_);
  }

  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }

 private:
  static bool ReadExactly(int fd, size_t bytes, std::string* out) {
    out->resize(bytes);
    return bytes == 0 || recv(fd, out->data(), bytes, MSG_WAITALL) == static_cast<ssize_t>(bytes);
  }
  static void Send(int fd, const std::string& bytes) {
    EXPECT_EQ(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

  // The stream of the first call.
  static uint32_t ReadCall(int fd) {
    std::string text;
    if (!ReadExactly(fd, sizeof("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") - 1, &text)) return 0;
    Send(fd, Frame(kSettings, 0, 0, ""));
    while (ReadExactly(fd, 9, &text)) {
      const auto byte = [&text](size_t at) { return static_cast<unsigned char>(text[at]); };
      const size_t length = size_t{byte(0)} << 16 | size_t{byte(1)} << 8 | byte(2);
      const char type = text[3];
      const uint32_t stream = byte(8);
      if (!ReadExactly(fd, length, &text)) return 0;
      if (type == kHeaders) return stream;
    }
    return 0;
  }

  void Serve() {
    const int fd = accept(listener_, nullptr, nullptr);
    const uint32_t stream = ReadCall(fd);
    EXPECT_NE(stream, 0u);
    Send(fd, respond_(stream));
    if (reset_) {
      const linger at_once = {1, 0};
      setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    } else {
      // Till the other side has read everything.
      shutdown(fd, SHUT_WR);
      char rest[256];
      while (recv(fd, rest, sizeof(rest), 0) > 0) {
      }
    }
    close(fd);
  }

  const Respond respond_;
  const bool reset_;
  int listener_ = -1;
  int port_ = 0;
  std::thread thread_;
};

// How a call ends that such a server answers.
grpc::Status CallEnds(BrokenServer::Respond respond, bool reset = false) {
  BrokenServer server(std::move(respond), reset);
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  const auto stub = v1::MusicService::NewStub(
      grpc::CreateCustomChannel(server.address(), grpc::InsecureChannelCredentials(), arguments));
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(30)));
  v1::GetModelInfoResponse response;
  return stub->GetModelInfo(&context, {}, &response);
}

std::string ResetStream(uint32_t stream, uint32_t code) {
  return Frame(kResetStream, 0, stream, BigEndian(code, 4));
}

// ":status: 200" and "content-type: application/grpc".
std::string GoodHeaders(uint32_t stream) {
  constexpr char kEndHeaders = 4;
  return Frame(kHeaders, kEndHeaders, stream,
               "\x88\x5f\x10"
               "application/grpc");
}

void ExpectTransportFailure(const grpc::Status& status, const std::string& what) {
  EXPECT_TRUE(absl::IsUnavailable(FromGrpcStatus(status)))
      << what << ": " << status.error_code() << " " << status.error_message();
}

TEST(TransportFailureTest, ConnectionsThatClose) {
  for (const bool reset : {false, true}) {
    ExpectTransportFailure(CallEnds([](uint32_t) { return ""; }, reset), "before the headers");
    ExpectTransportFailure(CallEnds(GoodHeaders, reset), "after the headers");
  }
  ExpectTransportFailure(
      CallEnds([](uint32_t) { return Frame(kGoAway, 0, 0, std::string(8, '\0')); }), "GOAWAY");
}

TEST(TransportFailureTest, StreamsThatAreReset) {
  // NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM.
  for (const uint32_t code : {0u, 1u, 2u, 7u, 8u, 11u}) {
    ExpectTransportFailure(CallEnds([code](uint32_t stream) { return ResetStream(stream, code); }),
                           absl::StrCat("RST_STREAM ", code));
    ExpectTransportFailure(CallEnds([code](uint32_t stream) {
                             return GoodHeaders(stream) + ResetStream(stream, code);
                           }),
                           absl::StrCat("headers, then RST_STREAM ", code));
  }
}

TEST(TransportFailureTest, AProxyWithoutAServer) {
  // ":status: 503", and the stream's end.
  ExpectTransportFailure(CallEnds([](uint32_t stream) {
                           return Frame(kHeaders, 5, stream, std::string("\x48\x03") + "503");
                         }),
                         "503");
}

}  // namespace
}  // namespace vidmuse
