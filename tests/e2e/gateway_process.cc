#include "tests/e2e/gateway_process.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"

namespace vidmuse {

absl::StatusOr<std::unique_ptr<GatewayProcess>> GatewayProcess::Start(
    const std::vector<std::unique_ptr<ServerProcess>>& servers,
    const std::vector<std::string>& flags) {
  std::vector<std::string> addresses;
  for (const auto& server : servers) addresses.push_back(server->address());
  std::vector<std::string> args = {VIDMUSE_BIN_DIR "/vidmuse_gateway", "--server",
                                   absl::StrJoin(addresses, ","), "--listen", "127.0.0.1:0"};
  args.insert(args.end(), flags.begin(), flags.end());
  ASSIGN_OR_RETURN(std::unique_ptr<Subprocess> process, Subprocess::Start(args));
  ASSIGN_OR_RETURN(const std::string line,
                   process->WaitForErrorLine("ready on", kPatience * absl::Seconds(60)));
  int port = 0;
  const size_t colon = line.rfind(':') + 1;
  if (!absl::SimpleAtoi(line.substr(colon, line.rfind('"') - colon), &port)) {
    return absl::InternalError(absl::StrCat("a port expected in: ", line));
  }
  return std::unique_ptr<GatewayProcess>(new GatewayProcess(std::move(process), port));
}

GatewayProcess::GatewayProcess(std::unique_ptr<Subprocess> process, int port)
    : process_(std::move(process)), port_(port) {}

std::string GatewayProcess::Url(const std::string& path) const {
  return absl::StrCat("http://127.0.0.1:", port_, path);
}

std::vector<std::string> CurlCommand(const std::vector<std::string>& args) {
  std::vector<std::string> command = {"/usr/bin/env", "curl", "-sS", "-m", "60"};
  command.insert(command.end(), args.begin(), args.end());
  return command;
}

}  // namespace vidmuse
