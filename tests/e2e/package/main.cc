// package_user ADDRESS VIDEO OUTPUT: music for a video by the installed client library.
// package_user OUTPUT.mp4: the container of a video with music, by the installed muxer.
#include <fstream>
#include <iostream>

#include "client/music_client.h"
#include "client/mux/mux_video.h"

int main(int argc, char** argv) {
  if (argc == 2) return vidmuse::ContainerOfPath(argv[1]) == "mp4" ? 0 : 1;
  if (argc != 4) return 2;
  auto client = vidmuse::MusicClient::Create({.addresses = {argv[1]}});
  auto video = vidmuse::VideoSource::OpenFile(argv[2]);
  if (!client.ok() || !video.ok()) return 1;
  std::ofstream out(argv[3], std::ios::binary);
  vidmuse::GenerateOptions options;
  options.config.mutable_sampling()->set_seed(7);
  vidmuse::GenerateSink sink;
  sink.chunk = [&](const vidmuse::v1::AudioChunk& chunk) {
    out << chunk.data();
    return absl::OkStatus();
  };
  const absl::Status status = (*client)->Generate(options, **video, sink);
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() && out.flush() ? 0 : 1;
}
