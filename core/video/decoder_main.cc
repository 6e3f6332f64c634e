// The program vidmuse_video_decoder, which the server starts for each file that it decodes.
#include "core/video/decoder_program.h"

int main(int argc, char** argv) { vidmuse::RunDecoderProgram(argc, argv, vidmuse::DecodeFile); }
