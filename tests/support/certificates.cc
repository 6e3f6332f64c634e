#include "tests/support/certificates.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/subprocess.h"

namespace vidmuse {

TestAuthority::TestAuthority(std::string folder, std::string name)
    : folder_(std::move(folder)), name_(std::move(name)) {
  own_ = Make("ca", absl::StrCat("/CN=", name_), nullptr);
}

CertificateFiles TestAuthority::Issue(const std::string& name) const {
  return Make(name, "/CN=localhost", &own_);
}

CertificateFiles TestAuthority::Make(const std::string& name, const std::string& subject,
                                     const CertificateFiles* issuer) const {
  const std::string prefix = absl::StrCat(folder_, "/", name_, "-", name);
  const CertificateFiles files = {prefix + ".pem", prefix + ".key"};
  std::vector<std::string> args = {"/usr/bin/openssl",
                                   "req",
                                   "-x509",
                                   "-newkey",
                                   "ec",
                                   "-pkeyopt",
                                   "ec_paramgen_curve:prime256v1",
                                   "-nodes",
                                   "-days",
                                   "2",
                                   "-subj",
                                   subject,
                                   "-out",
                                   files.cert,
                                   "-keyout",
                                   files.key};
  if (issuer != nullptr) {
    for (const std::string& arg :
         {std::string("-CA"), issuer->cert, std::string("-CAkey"), issuer->key,
          std::string("-addext"), std::string("subjectAltName=DNS:localhost,IP:127.0.0.1"),
          std::string("-addext"), std::string("basicConstraints=critical,CA:false")}) {
      args.push_back(arg);
    }
  }
  const RunResult made = RunProgram(args);
  EXPECT_EQ(made.exit_code, 0) << made.error;
  return files;
}

}  // namespace vidmuse
