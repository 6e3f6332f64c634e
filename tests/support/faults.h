// The faults that vidmuse_faulty_server shows on command.
#ifndef VIDMUSE_TESTS_SUPPORT_FAULTS_H_
#define VIDMUSE_TESTS_SUPPORT_FAULTS_H_

#include <cstdint>

namespace vidmuse {

// Seeds that make steps of the device thread fail from frame kFaultFrame of the song on.
inline constexpr int64_t kFaultFrame = 100;
inline constexpr uint64_t kStepThrows = 1001;
inline constexpr uint64_t kStepIsOutOfMemory = 1002;
inline constexpr uint64_t kDeviceIsLost = 1003;  // from then on, every step of any request fails

// Videos that make decoding fail, as whole file contents.
inline constexpr char kDecodeThrows[] = "decode throws";
inline constexpr char kDecodeIsOutOfMemory[] = "decode is out of memory";

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_FAULTS_H_
