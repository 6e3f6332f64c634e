// Makes certificates for tests with the openssl program.
#ifndef VIDMUSE_TESTS_SUPPORT_CERTIFICATES_H_
#define VIDMUSE_TESTS_SUPPORT_CERTIFICATES_H_

#include <string>

namespace vidmuse {

// Paths of a certificate and its private key, in PEM.
struct CertificateFiles {
  std::string cert;
  std::string key;
};

// A certificate authority that keeps its files in a folder. If openssl fails, the test fails.
class TestAuthority {
 public:
  // `folder` must exist, and `name` must be unique in it.
  TestAuthority(std::string folder, std::string name);

  const std::string& cert() const { return own_.cert; }
  // Makes a certificate for localhost and 127.0.0.1. `name` must be unique for the authority, and
  // not "ca".
  CertificateFiles Issue(const std::string& name) const;

 private:
  CertificateFiles Make(const std::string& name, const std::string& subject,
                        const CertificateFiles* issuer) const;

  const std::string folder_;
  const std::string name_;
  CertificateFiles own_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_CERTIFICATES_H_
