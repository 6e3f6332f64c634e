#include "server/request_log.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace vidmuse {
namespace {

nlohmann::ordered_json ToJson(const StageSeconds& seconds) {
  return {{"queue", seconds.queue},
          {"upload", seconds.upload},
          {"decode", seconds.decode},
          {"encode", seconds.encode},
          {"prefill", seconds.prefill},
          {"generate", seconds.generate},
          {"codec", seconds.codec},
          {"total", seconds.total},
          {"first_audio", seconds.first_audio}};
}

std::string Now() { return absl::FormatTime(absl::RFC3339_full, absl::Now(), absl::UTCTimeZone()); }

// Replaces what is not UTF-8, because messages may quote a client's bytes.
std::string Dump(const nlohmann::ordered_json& line) {
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

bool IsIdCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == ':' ||
         c == '-';
}

}  // namespace

void RequestLog::Write(const RequestRecord& record) {
  nlohmann::ordered_json line = {{"time", Now()},
                                 {"event", "request"},
                                 {"request_id", record.request_id},
                                 {"client", record.client},
                                 {"status", absl::StatusCodeToString(record.status.code())},
                                 {"seconds", absl::ToDoubleSeconds(record.duration)},
                                 {"video_bytes", record.video_bytes},
                                 {"frames", record.total_frames},
                                 {"samples", record.samples},
                                 {"audio_bytes", record.audio_bytes}};
  if (!record.api_key.empty()) line["api_key"] = record.api_key;
  if (record.trace) {
    line["trace_id"] = record.trace->trace_id;
    line["span_id"] = record.trace->span_id;
  }
  if (!record.status.ok()) line["message"] = std::string(record.status.message());
  if (record.seconds) line["stages"] = ToJson(*record.seconds);
  out_->Write(Dump(line));
}

void RequestLog::Notice(absl::string_view event, absl::string_view message, Severity severity) {
  out_->Write(NoticeLine(event, message, severity));
}

std::string ChooseRequestId(absl::string_view proposed) {
  constexpr size_t kMaxLength = 128;
  if (!proposed.empty() && proposed.size() <= kMaxLength &&
      std::all_of(proposed.begin(), proposed.end(), IsIdCharacter)) {
    return std::string(proposed);
  }
  std::random_device random;
  return absl::StrFormat("%08x%08x%08x%08x", random(), random(), random(), random());
}

}  // namespace vidmuse
