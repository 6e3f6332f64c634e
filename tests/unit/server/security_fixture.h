// A server whose certificates and keys are files of the test's own.
#ifndef VIDMUSE_TESTS_UNIT_SERVER_SECURITY_FIXTURE_H_
#define VIDMUSE_TESTS_UNIT_SERVER_SECURITY_FIXTURE_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/unit/server/service_fixture.h"

namespace vidmuse {

class SecurityFixture : public ServiceFixture {
 protected:
  SecurityFixture() { std::filesystem::create_directories(folder_); }
  ~SecurityFixture() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return absl::StrCat(folder_, "/", name); }
  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  static void Write(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }

  // A connection that is shared with nobody.
  std::shared_ptr<grpc::Channel> Connect(
      const std::shared_ptr<grpc::ChannelCredentials>& credentials) const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", server_->port()), credentials,
                                     arguments);
  }

  // What GetModelInfo answers, with `value` for the metadata `key` if that is set.
  static grpc::Status Ask(const std::shared_ptr<grpc::Channel>& channel,
                          const std::string& key = "", const std::string& value = "") {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
    if (!key.empty()) context.AddMetadata(key, value);
    v1::GetModelInfoResponse response;
    return v1::MusicService::NewStub(channel)->GetModelInfo(&context, {}, &response);
  }

  // The server's log. The server is gone then.
  std::string Log() {
    stub_ = nullptr;
    server_ = nullptr;
    return ServiceFixture::Log();
  }

  const std::string folder_ = absl::StrCat(testing::TempDir(), "/security-", getpid());
};

inline int Count(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_UNIT_SERVER_SECURITY_FIXTURE_H_
