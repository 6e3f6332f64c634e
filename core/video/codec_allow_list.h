// The decoders that may be used for uploaded files.
#ifndef VIDMUSE_VIDEO_CODEC_ALLOW_LIST_H_
#define VIDMUSE_VIDEO_CODEC_ALLOW_LIST_H_

namespace vidmuse {

// FFmpeg's decoder names, comma-separated.
inline constexpr char kAllowedCodecs[] =
    "h264,hevc,vp8,vp9,libdav1d,libaom-av1,"
    "mpeg1video,mpeg2video,mpeg4,msmpeg4v1,msmpeg4v2,msmpeg4,h263,flv,theora,vc1,wmv1,wmv2,wmv3,"
    "mjpeg,prores,dnxhd,cfhd,dvvideo,qtrle,png,apng,gif,ffv1,huffyuv,ffvhuff,utvideo,v210,rawvideo";

// The same for sound.
inline constexpr char kAllowedSoundCodecs[] =
    "aac,ac3,eac3,dca,mp1float,mp2float,mp3float,mp1,mp2,mp3,flac,vorbis,opus,alac,ape,wavpack,tta,"
    "wmav1,wmav2,wmapro,wmalossless,amrnb,amrwb,adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,adpcm_yamaha,"
    "pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,"
    "pcm_f64le,pcm_f64be,pcm_alaw,pcm_mulaw,pcm_bluray,pcm_dvd";

}  // namespace vidmuse

#endif  // VIDMUSE_VIDEO_CODEC_ALLOW_LIST_H_
