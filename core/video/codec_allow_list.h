// The decoders that may be used for uploaded files.
#ifndef VIDMUSE_VIDEO_CODEC_ALLOW_LIST_H_
#define VIDMUSE_VIDEO_CODEC_ALLOW_LIST_H_

namespace vidmuse {

// FFmpeg's decoder names, comma-separated.
inline constexpr char kAllowedCodecs[] =
    "h264,hevc,vp8,vp9,libdav1d,libaom-av1,"
    "mpeg1video,mpeg2video,mpeg4,msmpeg4v1,msmpeg4v2,msmpeg4,h263,flv,theora,vc1,wmv1,wmv2,wmv3,"
    "mjpeg,prores,dnxhd,cfhd,dvvideo,qtrle,png,apng,gif,ffv1,huffyuv,ffvhuff,utvideo,v210,rawvideo";

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_CODEC_ALLOW_LIST_H_
