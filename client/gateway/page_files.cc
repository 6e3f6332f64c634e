#include "client/gateway/page_files.h"

#include "client/gateway/page_data.h"

namespace vidmuse {
namespace {

// What a browser may do with the page: only what comes from this gateway is loaded or called, and
// no other page may hold it in a frame.
constexpr char kPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace

const PageFile* FindPageFile(absl::string_view path) {
  for (const PageFile& file : kPageFiles) {
    if (file.path == path) return &file;
  }
  return nullptr;
}

MHD_Response* PageResponse(const PageFile& file, bool is_held) {
  // The bytes are the program's own, and stay as they are.
  MHD_Response* response = MHD_create_response_from_buffer(
      is_held ? 0 : file.body.size(), const_cast<char*>(file.body.data()), MHD_RESPMEM_PERSISTENT);
  if (response == nullptr) return nullptr;
  MHD_add_response_header(response, "content-type", file.content_type);
  MHD_add_response_header(response, "etag", file.etag);
  MHD_add_response_header(response, "cache-control", "no-cache");
  MHD_add_response_header(response, "content-security-policy", kPolicy);
  MHD_add_response_header(response, "x-content-type-options", "nosniff");
  MHD_add_response_header(response, "referrer-policy", "no-referrer");
  return response;
}

}  // namespace vidmuse
