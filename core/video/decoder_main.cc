// The program vidmuse_video_decoder, which the server starts for each video.
#include "core/video/decoder_program.h"

int main(int argc, char** argv) { vidmuse::RunDecoderProgram(argc, argv, vidmuse::DecodeVideo); }
