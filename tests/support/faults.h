// What vidmuse_faulty_server does on command.
#ifndef VIDMUSE_TESTS_SUPPORT_FAULTS_H_
#define VIDMUSE_TESTS_SUPPORT_FAULTS_H_

#include <cstdint>

namespace vidmuse {

// Seeds: the device thread throws at this frame of the song.
inline constexpr int64_t kFaultFrame = 100;
inline constexpr uint64_t kStepThrows = 1001;
inline constexpr uint64_t kStepIsOutOfMemory = 1002;
inline constexpr uint64_t kDeviceIsLost = 1003;  // and every step after that fails

// Videos.
inline constexpr char kDecodeThrows[] = "decode throws";
inline constexpr char kDecodeIsOutOfMemory[] = "decode is out of memory";

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_FAULTS_H_
