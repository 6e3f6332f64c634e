// The project's version, which all programs share.
#ifndef VIDMUSE_BASE_VERSION_H_
#define VIDMUSE_BASE_VERSION_H_

namespace vidmuse {

// Such as "1.2.3".
const char* Version();

// If the first argument is --version, prints the program's name and version to standard output and
// returns true. `argv` begins with the program's path, whose last part is its name.
bool PrintVersionIfAsked(int argc, char** argv);

}  // namespace vidmuse

#endif  // VIDMUSE_BASE_VERSION_H_
