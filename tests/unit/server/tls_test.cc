// TLS: who may connect, and certificates that change while the server runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "tests/support/certificates.h"
#include "tests/unit/server/security_fixture.h"

namespace vidmuse {
namespace {

using ::grpc::StatusCode;
using ::testing::HasSubstr;
using ::testing::Not;

class TlsTest : public SecurityFixture {
 protected:
  TlsTest() {
    Install(authority_.Issue("server"));
    options_.tls_cert = Path("tls.crt");
    options_.tls_key = Path("tls.key");
  }

  // Puts a certificate where the server looks for it.
  void Install(const CertificateFiles& files) {
    for (const auto& [from, to] :
         {std::pair(files.cert, Path("tls.crt")), std::pair(files.key, Path("tls.key"))}) {
      std::filesystem::copy_file(from, to + ".new");
      std::filesystem::rename(to + ".new", to);
    }
  }

  std::shared_ptr<grpc::Channel> Trusting(const TestAuthority& authority,
                                          const CertificateFiles& own = {}) const {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = Read(authority.cert());
    if (!own.cert.empty()) {
      options.pem_cert_chain = Read(own.cert);
      options.pem_private_key = Read(own.key);
    }
    return Connect(grpc::SslCredentials(options));
  }

  const TestAuthority authority_{folder_, "authority"};
  const TestAuthority other_{folder_, "other"};
};

TEST_F(TlsTest, RoundTrip) {
  StartServer();
  generator_.SetScript(Song(3));
  const auto stub = v1::MusicService::NewStub(Trusting(authority_));
  ClientCall call(stub.get());
  call.Upload();
  const grpc::Status status = call.Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(TlsTest, ClientsRefuseAnotherAuthority) {
  StartServer();
  EXPECT_EQ(Ask(Trusting(other_)).error_code(), StatusCode::UNAVAILABLE);
  EXPECT_TRUE(Ask(Trusting(authority_)).ok());
}

TEST_F(TlsTest, PlainTextIsRefused) {
  StartServer();
  EXPECT_EQ(Ask(Connect(grpc::InsecureChannelCredentials())).error_code(), StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, ClientsNeedACertificateIfSoConfigured) {
  options_.tls_client_ca = other_.cert();
  StartServer();
  EXPECT_EQ(Ask(Trusting(authority_)).error_code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(Ask(Trusting(authority_, authority_.Issue("stranger"))).error_code(),
            StatusCode::UNAVAILABLE);
  EXPECT_EQ(Ask(Connect(grpc::InsecureChannelCredentials())).error_code(), StatusCode::UNAVAILABLE);
  const grpc::Status status = Ask(Trusting(authority_, other_.Issue("client")));
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(TlsTest, NewConnectionsSeeANewCertificate) {
  StartServer();
  const auto old = Trusting(authority_);
  const auto stub = v1::MusicService::NewStub(old);
  ClientCall running(stub.get());
  running.Send();
  const auto request = generator_.WaitForRequest(0);
  ASSERT_NE(request, nullptr);

  Install(other_.Issue("server"));
  const grpc::Status status = Ask(Trusting(other_));
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(Ask(Trusting(authority_)).error_code(), StatusCode::UNAVAILABLE);

  // What runs goes on.
  running.Send("video");
  running.Complete();
  ASSERT_TRUE(request->WaitForFinishedVideo());
  for (auto& event : Song(2)) request->Push(std::move(event));
  EXPECT_TRUE(running.Finish().ok());
}

TEST_F(TlsTest, ANewAuthorityOfTheClientsCountsToo) {
  options_.tls_client_ca = Path("ca.pem");
  Write(options_.tls_client_ca, Read(authority_.cert()));
  StartServer();
  const CertificateFiles client = other_.Issue("client");
  EXPECT_EQ(Ask(Trusting(authority_, client)).error_code(), StatusCode::UNAVAILABLE);
  Write(options_.tls_client_ca, Read(other_.cert()));
  EXPECT_TRUE(Ask(Trusting(authority_, client)).ok());
}

TEST_F(TlsTest, ADamagedCertificateLeavesTheOldOne) {
  StartServer();
  ASSERT_TRUE(Ask(Trusting(authority_)).ok());
  const std::string cert = Read(Path("tls.crt"));
  const CertificateFiles next = other_.Issue("server");
  for (const std::string& damaged :
       {cert.substr(0, cert.size() / 2), std::string(), std::string("no certificate"),
        Read(next.cert)}) {  // the last one: without its key
    Write(Path("tls.crt"), damaged);
    for (int i = 0; i < 2; ++i) {
      const grpc::Status status = Ask(Trusting(authority_));
      EXPECT_TRUE(status.ok()) << status.error_message();
    }
  }
  std::filesystem::remove(Path("tls.crt"));
  EXPECT_TRUE(Ask(Trusting(authority_)).ok());
  Install(next);
  EXPECT_TRUE(Ask(Trusting(other_)).ok());

  const std::string log = Log();
  EXPECT_EQ(Count(log, "the old certificate stays"), 5) << log;  // once for each
  EXPECT_EQ(Count(log, "new connections get this certificate"), 1) << log;
  EXPECT_THAT(log, HasSubstr("tls.key: not the key of the certificate in"));
  EXPECT_THAT(log, Not(HasSubstr("PRIVATE KEY")));
}

TEST_F(TlsTest, FilesThatAreNoGoodAreNamedAtTheStart) {
  const auto error = [&] {
    return Server::Start(options_, &generator_, &metrics_, log_writer_).status();
  };
  options_.tls_cert = Path("missing");
  EXPECT_THAT(std::string(error().message()), HasSubstr("TLS: " + Path("missing")));
  options_.tls_cert = Path("tls.key");
  EXPECT_THAT(std::string(error().message()), HasSubstr("not a certificate in PEM"));
  options_.tls_cert = Path("tls.crt");
  options_.tls_key = Path("tls.crt");
  EXPECT_THAT(std::string(error().message()), HasSubstr("not a private key in PEM"));
  options_.tls_key = Path("tls.key");
  options_.tls_client_ca = Path("tls.key");
  EXPECT_THAT(std::string(error().message()), HasSubstr("not a certificate in PEM"));
}

}  // namespace
}  // namespace vidmuse
