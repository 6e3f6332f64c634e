// The RPC handlers.
#ifndef VIDMUSE_SERVER_MUSIC_SERVICE_H_
#define VIDMUSE_SERVER_MUSIC_SERVICE_H_

#include <string>

#include "server/bidi_service.h"
#include "server/generate_call.h"

namespace vidmuse {

// vidmuse.v1.MusicService.
class MusicService final : public BidiService {
 public:
  MusicService(const CallEnvironment& environment, std::string version);

 private:
  const CallEnvironment environment_;
  const std::string version_;
};

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_MUSIC_SERVICE_H_
