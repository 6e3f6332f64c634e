// The server's flags: their names, ranges and meanings, and the options that they set.
#ifndef VIDMUSE_SERVER_FLAGS_H_
#define VIDMUSE_SERVER_FLAGS_H_

#include "core/base/flag_table.h"
#include "server/options.h"

namespace vidmuse {

// What the file of --config may set.
const FlagTable<ServerOptions>& ConfigFileFlags();

// What the command line may set: the above, --config and --self_test.
const FlagTable<ServerOptions>& CommandLineFlags();

}  // namespace vidmuse

#endif  // VIDMUSE_SERVER_FLAGS_H_
