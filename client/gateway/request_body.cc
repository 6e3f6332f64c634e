#include "client/gateway/request_body.h"

#include <cstring>

#include "absl/strings/string_view.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

constexpr size_t kBlockBytes = 32 << 10;
constexpr size_t kMaxFieldBytes = 1 << 10;
// Of a form's `prompt`. Servers accept no more by default.
constexpr size_t kMaxPromptBytes = 3 << 20;
// Of a form's `resume`: tokens of over an hour.
constexpr size_t kMaxResumeBytes = 4 << 20;
constexpr size_t kMaxFields = 64;

size_t MaxFieldBytes(absl::string_view name) {
  if (name == "prompt") return kMaxPromptBytes;
  return name == "resume" ? kMaxResumeBytes : kMaxFieldBytes;
}

}  // namespace

RequestBody::~RequestBody() {
  if (form_ != nullptr) MHD_destroy_post_processor(form_);
}

absl::Status RequestBody::ReadForm(MHD_Connection* connection) {
  form_ = MHD_create_post_processor(connection, kBlockBytes, &RequestBody::OnField, this);
  if (form_ != nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError("the form has no boundary");
}

MHD_Result RequestBody::OnField(void* self, MHD_ValueKind, const char* name,
                                const char* /*file_name*/, const char* /*content_type*/,
                                const char* /*encoding*/, const char* data, uint64_t /*offset*/,
                                size_t size) {
  auto* body = static_cast<RequestBody*>(self);
  if (!body->form_status_.ok()) return MHD_YES;
  const absl::string_view bytes(data, size);
  body->form_status_ =
      std::strcmp(name, "video") == 0 ? body->AddVideo(bytes) : body->AddField(name, bytes);
  return MHD_YES;
}

absl::Status RequestBody::AddVideo(absl::string_view bytes) {
  received_ += bytes.size();
  return music_->AddVideo(bytes);
}

absl::Status RequestBody::AddField(const std::string& name, absl::string_view bytes) {
  std::string& value = fields_[name];
  if (fields_.size() > kMaxFields || value.size() + bytes.size() > MaxFieldBytes(name)) {
    return absl::InvalidArgumentError("the form's fields are too large");
  }
  RETURN_IF_ERROR(held_.Grow(held_.bytes() + bytes.size()));
  value.append(bytes.data(), bytes.size());
  return absl::OkStatus();
}

absl::Status RequestBody::Add(const char* data, size_t size) {
  if (form_ == nullptr) return AddVideo({data, size});
  if (MHD_post_process(form_, data, size) != MHD_YES && form_status_.ok()) {
    return absl::InvalidArgumentError("the form is damaged");
  }
  return form_status_;
}

absl::Status RequestBody::End() {
  for (const auto& [name, value] : fields_) {
    if (name == "prompt") {
      music_->SetPrompt(value);
    } else if (name == "resume") {
      RETURN_IF_ERROR(music_->SetResume(value));
    } else {
      RETURN_IF_ERROR(music_->SetField(name, value));
    }
  }
  return music_->EndBody();
}

}  // namespace vidmuse
