// vidmuse_video_decoder: started by the server for each video.
#include "core/video/decoder_program.h"
#include "core/video/frame_sampler.h"

int main() { vidmuse::RunDecoderProgram(vidmuse::SampleVideoInTime); }
