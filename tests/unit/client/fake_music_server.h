// A MusicService that does what a test's script says, and a made-up song for it to send.
#ifndef VIDMUSE_TESTS_UNIT_CLIENT_FAKE_MUSIC_SERVER_H_
#define VIDMUSE_TESTS_UNIT_CLIENT_FAKE_MUSIC_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "core/base/mutex.h"
#include "vidmuse/v1/music.grpc.pb.h"

namespace vidmuse {

using FakeStream = grpc::ServerReaderWriter<v1::GenerateMusicResponse, v1::GenerateMusicRequest>;

// Every byte is a function of its place, so that a stream taken up elsewhere is known to be right.
struct FakeSong {
  uint64_t frames = 100;
  uint64_t seed = 7;
  std::string fingerprint = {};  // in the bytes too: servers that differ make other songs
  v1::AudioFormat format = v1::AUDIO_FORMAT_PCM_S16LE;
  v1::SamplingConfig sampling = {};

  static constexpr uint32_t kCodebooks = 4;
  static constexpr uint64_t kSamplesPerFrame = 640;

  std::string Tokens(uint64_t begin, uint64_t end) const;
  // 16-bit PCM of frames [begin, end).
  std::string Audio(uint64_t begin, uint64_t end) const;
  std::string AllTokens() const { return Tokens(0, frames); }
  std::string AllAudio() const { return Audio(0, frames); }

  v1::GenerateMusicResponse Started() const;
  // Tokens of [begin, end), audio of the frames two before them: as in a codec that looks ahead.
  v1::GenerateMusicResponse Chunk(uint64_t begin, uint64_t end) const;
  v1::GenerateMusicResponse Finished() const;

  // What a server sends from `resume` on, in chunks of 10 frames, up to frame `stop`; `finished` if
  // that is the end. False if the client went away.
  bool Send(FakeStream* stream, const v1::ResumeFrom& resume, uint64_t stop) const;
};

class FakeMusicServer {
 public:
  struct Call {
    v1::GenerateMusicConfig config;
    grpc::ServerContext* context;
    FakeStream* stream;
  };
  // Runs after the config was read. The n-th call, counted from 0, runs script n, or the last one.
  using Script = std::function<grpc::Status(Call& call)>;

  // Listens on a free port.
  explicit FakeMusicServer(std::vector<Script> scripts, int max_message_bytes = 4 << 20);
  ~FakeMusicServer();

  std::string address() const;
  // Ends all calls at once and closes the port.
  void Stop();
  std::vector<v1::GenerateMusicConfig> configs() const;
  // What each call brought of `key`, "" for nothing.
  std::vector<std::string> metadata(const std::string& key) const;

 private:
  class Service;
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

// Reads the video to its end.
std::string ReadVideo(FakeMusicServer::Call& call);

// A script: reads the video and sends the song from the resume point up to frame `stop`; then ends
// with `status`.
FakeMusicServer::Script Sing(FakeSong song, uint64_t stop = UINT64_MAX,
                             grpc::Status status = grpc::Status::OK);

// As Sing; but a server with the song's fingerprint refuses another one before the upload.
FakeMusicServer::Script SingChecked(FakeSong song, uint64_t stop = UINT64_MAX,
                                    grpc::Status status = grpc::Status::OK);

// A script that answers at once; `pushback`: the value of grpc-retry-pushback-ms.
FakeMusicServer::Script Refuse(grpc::Status status, std::string pushback = "");

// A script that waits for the call's end, which the other side must bring about.
grpc::Status WaitForEnd(FakeMusicServer::Call& call);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_UNIT_CLIENT_FAKE_MUSIC_SERVER_H_
