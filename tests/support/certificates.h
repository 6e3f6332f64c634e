// Certificates for tests, made by the openssl program.
#ifndef VIDMUSE_TESTS_SUPPORT_CERTIFICATES_H_
#define VIDMUSE_TESTS_SUPPORT_CERTIFICATES_H_

#include <string>

namespace vidmuse {

// Paths of a certificate and its private key, in PEM.
struct CertificateFiles {
  std::string cert;
  std::string key;
};

// A certificate authority with its files in a folder. A failure is a failure of the test.
class TestAuthority {
 public:
  // `folder` exists; `name` is unique in it.
  TestAuthority(std::string folder, std::string name);

  const std::string& cert() const { return own_.cert; }
  // A certificate for localhost and 127.0.0.1; `name` is unique for the authority.
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
