// Writes an HTDemucs of hash weights in its published layout
// (tests/data/golden/make/make_htdemucs.py computes with the same weights).
#ifndef VIDMUSE_TESTS_SUPPORT_HTDEMUCS_FILE_H_
#define VIDMUSE_TESTS_SUPPORT_HTDEMUCS_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "core/extractors/htdemucs_config.h"

namespace vidmuse {

// Small enough for tests: 0.78 s a segment, and a file of less than a megabyte.
HtDemucsConfig TinyHtDemucs();

// Writes HtDemucs::kFile into `folder`, which exists.
absl::Status WriteHtDemucs(const HtDemucsConfig& config, const std::string& folder);

}  // namespace vidmuse

#endif  // VIDMUSE_TESTS_SUPPORT_HTDEMUCS_FILE_H_
