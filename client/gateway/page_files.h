// The page's files, which are built into the program.
#ifndef VIDMUSE_CLIENT_GATEWAY_PAGE_FILES_H_
#define VIDMUSE_CLIENT_GATEWAY_PAGE_FILES_H_

#include <microhttpd.h>

#include "absl/strings/string_view.h"

namespace vidmuse {

struct PageFile {
  absl::string_view path;  // as in a URL: "/", "/page/main.js"
  const char* content_type;
  const char* etag;  // changes with the body
  absl::string_view body;
};

// nullptr: the page has no such file.
const PageFile* FindPageFile(absl::string_view path);

// The answer with the file, or, if the browser holds it already, without its bytes. The caller
// destroys it. nullptr: no memory.
MHD_Response* PageResponse(const PageFile& file, bool is_held);

}  // namespace vidmuse

#endif  // VIDMUSE_CLIENT_GATEWAY_PAGE_FILES_H_
