// The program vidmuse_video_decoder, which the server starts for each video.
#include "core/video/decoder_program.h"
#include "core/video/frame_sampler.h"

int main() { vidmuse::RunDecoderProgram(vidmuse::SampleVideoInTime); }
