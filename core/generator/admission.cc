#include "core/generator/admission.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/option_range.h"
#include "core/base/status_macros.h"
#include "core/engine/window_plan.h"
#include "core/video/sound_decoder.h"
#include "vidmuse/sampling_options.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

absl::Status CheckLimit(absl::string_view name, double value, absl::string_view limit,
                        double bound) {
  if (value <= bound) return absl::OkStatus();
  return AboutLimit(absl::InvalidArgumentError(absl::StrFormat(
                        "%s = %.15g is over the limit %s of %.15g", name, value, limit, bound)),
                    limit, value);
}

// Checks what the client has declared about its video, and its prompt's size. Sets `seconds` to the
// least length of the music to make, as far as it is known, and leaves it alone otherwise.
absl::Status CheckDeclared(const GenerationRequest& request, const Limits& limits,
                           double* seconds) {
  if (request.declared_bytes) {
    RETURN_IF_ERROR(CheckLimit("video_bytes", static_cast<double>(*request.declared_bytes),
                               "max_video_bytes", static_cast<double>(limits.max_video_bytes)));
  }
  if (request.declared_seconds) {
    RETURN_IF_ERROR(CheckRange(kVideoSecondsRange, *request.declared_seconds));
    RETURN_IF_ERROR(CheckLimit("video_seconds", *request.declared_seconds, "max_video_seconds",
                               limits.max_video_seconds));
    *seconds = std::trunc(*request.declared_seconds);
  }
  if (request.max_seconds > 0) *seconds = std::min(*seconds, request.max_seconds);
  if (request.prompt_audio.empty()) return absl::OkStatus();
  // What the prompt may already hold needn't be made.
  *seconds = std::max(*seconds - kMostSoundSeconds, 0.0);
  return CheckLimit("the size of prompt_audio", static_cast<double>(request.prompt_audio.size()),
                    "max_prompt_bytes", static_cast<double>(limits.max_prompt_bytes));
}

// When a request that is refused now should come back.
absl::Duration RetryDelay(const SchedulerLoad& load) {
  return std::clamp(load.Delay(), absl::Seconds(1), absl::Seconds(60));
}

absl::string_view NameOf(MemoryUse use) {
  switch (use) {
    case MemoryUse::kUpload:
      return "the upload";
    case MemoryUse::kVideo:
      return "the video";
    case MemoryUse::kFrames:
      return "the video's frames";
    case MemoryUse::kCondition:
      return "the condition";
    case MemoryUse::kSong:
      return "the song";
  }
  return "";
}

// Checks what the client says it has of one variant.
absl::Status CheckTokens(const std::vector<uint16_t>& tokens, const ModelInfo& model) {
  if (tokens.size() % model.codebooks != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "resume.tokens holds ", tokens.size(), " tokens, not whole frames of ", model.codebooks));
  }
  const auto bad = std::find_if(tokens.begin(), tokens.end(),
                                [&](uint16_t token) { return token >= model.card; });
  if (bad == tokens.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("resume.tokens: token ", *bad, " of frame ",
                                                 (bad - tokens.begin()) / model.codebooks,
                                                 " is outside the codebook of ", model.card));
}

}  // namespace

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  if (this == &other) return *this;
  Release();
  admission_ = std::exchange(other.admission_, nullptr);
  key_ = std::move(other.key_);
  bytes_ = std::exchange(other.bytes_, 0);
  return *this;
}

absl::Status Reservation::Resize(uint64_t bytes, MemoryUse use) {
  if (admission_ == nullptr) return absl::OkStatus();
  RETURN_IF_ERROR(admission_->Resize(key_, bytes_, bytes, use));
  bytes_ = bytes;
  return absl::OkStatus();
}

Reservation Reservation::Split(uint64_t bytes) {
  bytes = std::min(bytes, bytes_);
  bytes_ -= bytes;
  return Reservation(admission_, key_, bytes);
}

void Reservation::Release() {
  // Giving back never fails.
  if (admission_ != nullptr) (void)admission_->Resize(key_, bytes_, 0, MemoryUse::kUpload);
  admission_ = nullptr;
  bytes_ = 0;
}

absl::Status ValidateRequest(const GenerationRequest& request, const ModelInfo& model,
                             const Limits& limits) {
  const SamplingOptions& sampling = request.sampling;
  RETURN_IF_ERROR(CheckRange(kTemperatureRange, sampling.temperature));
  RETURN_IF_ERROR(CheckRange(kTopKRange, sampling.top_k));
  RETURN_IF_ERROR(CheckRange(kTopPRange, sampling.top_p));
  RETURN_IF_ERROR(CheckRange(kCfgCoefRange, sampling.cfg_coef));
  if (request.max_seconds != 0) {
    RETURN_IF_ERROR(CheckRange(kMaxDurationRange, request.max_seconds));
  }
  RETURN_IF_ERROR(CheckWindowOverlap(request.window_overlap_seconds));
  RETURN_IF_ERROR(CheckRange(kVariantsRange, request.variants));
  RETURN_IF_ERROR(CheckLimit("variants", request.variants, "max_batch", limits.max_batch));
  if (request.chunk_seconds != 0) {
    RETURN_IF_ERROR(CheckRange(kMaxChunkRange, request.chunk_seconds));
  }
  if (!request.prompt_audio.empty() && !model.encodes_audio) {
    return AboutField(absl::UnimplementedError("prompt_audio: the model's codec has no encoder"),
                      "prompt_audio");
  }
  if (!request.resume) return absl::OkStatus();
  if (request.resume->variants.size() != static_cast<size_t>(request.variants)) {
    return AboutField(
        absl::InvalidArgumentError(absl::StrCat("resume holds ", request.resume->variants.size(),
                                                " variants of ", request.variants)),
        "resume");
  }
  for (const ResumeVariant& variant : request.resume->variants) {
    RETURN_IF_ERROR(CheckTokens(variant.tokens, model));
  }
  return absl::OkStatus();
}

Admission::Admission(const Limits& limits, MetricsSink* metrics,
                     std::function<SchedulerLoad()> load)
    : limits_(limits), metrics_(metrics), load_(std::move(load)) {}

absl::Status Admission::CheckRoom() const {
  const int waiting = counts_[static_cast<int>(RequestPhase::kWaiting)];
  if (waiting >= limits_.max_queued_requests) {
    return absl::ResourceExhaustedError(absl::StrCat("the queue is full: ", waiting,
                                                     " requests wait, max_queued_requests is ",
                                                     limits_.max_queued_requests));
  }
  // Streams with slow readers hold memory too.
  const int most = 2 * limits_.max_queued_requests + limits_.max_batch;
  if (live() >= most) {
    return absl::ResourceExhaustedError(
        absl::StrCat("too many streams are open: ", live(), " of ", most));
  }
  return absl::OkStatus();
}

absl::Status Admission::CheckDeadline(const GenerationRequest& request, double seconds) const {
  if (request.time_limit <= absl::ZeroDuration()) {
    return absl::DeadlineExceededError("the deadline has passed");
  }
  if (request.time_limit == absl::InfiniteDuration() || request.resume) return absl::OkStatus();
  const SchedulerLoad load = load_();
  const double rate = load.FramesPerSecond();
  if (rate <= 0) return absl::OkStatus();
  // A lower bound: once it is placed, the request can't be faster than the whole batch together.
  const absl::Duration least =
      load.LeastDelay(request.client_key, request.loudness != LoudnessMode::kReference) +
      absl::Seconds(seconds * kFrameRate / rate);
  if (least <= request.time_limit) return absl::OkStatus();
  return WithRetryAfter(absl::DeadlineExceededError(absl::StrCat(
                            "the deadline is in ", absl::FormatDuration(request.time_limit),
                            ", but the music would take at least ", absl::FormatDuration(least))),
                        RetryDelay(load));
}

absl::StatusOr<Reservation> Admission::Enter(const GenerationRequest& request, uint64_t bytes,
                                             MemoryUse use) {
  double seconds = 1;
  RETURN_IF_ERROR(CheckDeclared(request, limits_, &seconds));
  RETURN_IF_ERROR(CheckDeadline(request, seconds));
  absl::Status room;
  {
    MutexLock lock(&mutex_);
    if (draining_) return absl::UnavailableError("the server is shutting down");
    room = CheckRoom();
    if (room.ok()) {
      RETURN_IF_ERROR(TryToResize(request.client_key, 0, bytes, use));
      ++Count(RequestPhase::kWaiting);
      Report();
      return Reservation(this, request.client_key, bytes);
    }
  }
  return WithRetryAfter(room, RetryDelay(load_()));
}

void Admission::Move(RequestPhase from, RequestPhase to) {
  MutexLock lock(&mutex_);
  --Count(from);
  ++Count(to);
  Report();
}

void Admission::Leave(RequestPhase from) {
  MutexLock lock(&mutex_);
  --Count(from);
  Report();
}

absl::Status Admission::Resize(const std::string& key, uint64_t from, uint64_t to, MemoryUse use) {
  MutexLock lock(&mutex_);
  return TryToResize(key, from, to, use);
}

absl::Status Admission::TryToResize(const std::string& key, uint64_t from, uint64_t to,
                                    MemoryUse use) {
  const auto check = [&](uint64_t others, absl::string_view who, uint64_t most,
                         absl::string_view limit) {
    if (to <= from || others + to <= most) return absl::OkStatus();
    const absl::Status full = absl::ResourceExhaustedError(
        absl::StrCat("no memory for ", to, " bytes, most of them for ", NameOf(use), ": ", others,
                     " are held for ", who, ", ", limit, " is ", most));
    // A request that doesn't fit even alone never will, so it isn't told when to retry.
    return to > most ? full : WithRetryAfter(full, absl::Seconds(5));
  };
  if (!key.empty()) {
    const auto held = bytes_by_key_.find(key);
    const uint64_t others_of_key = held == bytes_by_key_.end() ? 0 : held->second - from;
    RETURN_IF_ERROR(check(others_of_key, "others with this API key", limits_.max_queued_bytes / 2,
                          "half of max_queued_bytes"));
  }
  const uint64_t others = bytes_ - from;
  RETURN_IF_ERROR(check(others, "others", limits_.max_queued_bytes, "max_queued_bytes"));
  bytes_ = others + to;
  if (key.empty() || to == from) return absl::OkStatus();
  uint64_t& held = bytes_by_key_[key];
  held = held - from + to;
  if (held == 0) bytes_by_key_.erase(key);
  return absl::OkStatus();
}

void Admission::BeginDrain() {
  MutexLock lock(&mutex_);
  draining_ = true;
  metrics_->Set(Gauge::kDraining, 1);
}

bool Admission::WaitUntilEmpty(absl::Duration timeout) {
  MutexLock lock(&mutex_);
  return mutex_.AwaitFor(timeout,
                         [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return live() == 0; });
}

void Admission::Report() { metrics_->Set(Gauge::kRequestsWaiting, Count(RequestPhase::kWaiting)); }

}  // namespace vidmuse
