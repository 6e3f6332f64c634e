#include "server/metrics_listener.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <exception>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/mutex.h"

namespace vidmuse {
namespace {

// Connects once. `host` is as in an address, so an IPv6 host is in brackets.
void Connect(std::string host, int port) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (host.front() == '[') host = host.substr(1, host.size() - 2);
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return;
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0) {
    static_cast<void>(connect(fd, found->ai_addr, found->ai_addrlen));
    close(fd);
  }
  freeaddrinfo(found);
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsListener>> MetricsListener::Start(
    const std::string& address, std::shared_ptr<prometheus::Collectable> page) {
  try {
    auto exposer = std::make_unique<prometheus::Exposer>(address);
    exposer->RegisterCollectable(page);
    // std::make_unique cannot call the private constructor.
    return std::unique_ptr<MetricsListener>(new MetricsListener(
        address.substr(0, address.rfind(':')), std::move(page), std::move(exposer)));
  } catch (const std::exception& e) {
    return absl::UnavailableError(
        absl::StrCat("--metrics_listen: cannot listen on ", address, ": ", e.what()));
  }
}

MetricsListener::MetricsListener(std::string host, std::shared_ptr<prometheus::Collectable> page,
                                 std::unique_ptr<prometheus::Exposer> exposer)
    : host_(std::move(host)),
      page_(std::move(page)),
      exposer_(std::move(exposer)),
      port_(exposer_->GetListeningPorts().at(0)) {}

MetricsListener::~MetricsListener() {
  // The library's thread checks whether to stop only every 2 s and after each connection, so
  // connections are made until it stops.
  constexpr absl::Duration kPeriod = absl::Milliseconds(5);
  Mutex mutex;
  bool stopped = false;
  std::thread stop([&] {
    exposer_.reset();
    MutexLock lock(&mutex);
    stopped = true;
  });
  for (;;) {
    {
      MutexLock lock(&mutex);
      if (mutex.AwaitFor(kPeriod, [&] { return stopped; })) break;
    }
    Connect(host_, port_);
  }
  stop.join();
}

}  // namespace vidmuse
