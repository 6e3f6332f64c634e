// The part of a job that takes its video in, starts its song and hears of it from the engine.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/generator/job.h"
#include "core/generator/variant_seed.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
class Job::Listener final : public SongListener {
 public:
  explicit Listener(std::shared_ptr<Job> job) : job_(std::move(job)) {}
  void OnPlaced() override { job_->SongPlaced(); }
  void OnFrames(int variant, int64_t, absl::Span<const int32_t> tokens) override {
    job_->FramesMade(variant, tokens);
  }
  void OnEnded(const absl::Status& status, const SongTimes& times) override {
    job_->SongEnded(status, times);
  }

 private:
  const std::shared_ptr<Job> job_;
};

std::shared_ptr<SongListener> Job::NewListener() {
  return std::make_shared<Listener>(shared_from_this());
}

absl::Status Job::AppendVideo(absl::string_view bytes) {
  absl::Status status;
  {
    MutexLock lock(&mutex_);
    if (ended()) return end_;
    if (stage_ != Stage::kUpload)
      return absl::FailedPreconditionError("the video is complete already");
    const uint64_t size = uploaded() + bytes.size();
    if (size > context_->limits.max_video_bytes) {
      status = AboutLimit(
          absl::InvalidArgumentError(absl::StrCat("the video has more than ", size - 1,
                                                  " bytes, over the limit max_video_bytes of ",
                                                  context_->limits.max_video_bytes)),
          "max_video_bytes", static_cast<double>(size));
    }
  }
  if (status.ok()) status = Keep(bytes);
  if (!status.ok()) {
    End(status);
    return status;
  }
  context_->metrics->Add(Counter::kVideoBytes, static_cast<double>(bytes.size()));
  return absl::OkStatus();
}

absl::Status Job::Keep(absl::string_view bytes) {
  MutexLock lock(&mutex_);
  if (ended()) return end_;
  const uint64_t needed =
      uploaded() + bytes.size() + prompt_file_.size() +
      known_frames_ * request_.variants * context_->model->info().codebooks * sizeof(uint16_t);
  if (needed > memory_.bytes()) RETURN_IF_ERROR(memory_.Resize(needed, MemoryUse::kUpload));
  RETURN_IF_ERROR(OpenUpload());
  return upload_->Append(bytes);
}

absl::Status Job::OpenUpload() {
  if (upload_ != nullptr) return absl::OkStatus();
  VideoUploadOptions options;
  options.limits = context_->limits;
  options.max_seconds = static_cast<int>(request_.max_seconds);
  options.declared_bytes = request_.declared_bytes;
  options.first_part = {0, kFirstPartFrames};
  ASSIGN_OR_RETURN(upload_, context_->open_video(options));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<VideoReader>> Job::FinishUpload() {
  MutexLock lock(&mutex_);
  RETURN_IF_ERROR(OpenUpload());  // there may have been no bytes
  return std::exchange(upload_, nullptr)->Finish();
}

void Job::CountEarlyFrames() {
  if (stage_ != Stage::kUpload || upload_ == nullptr || decoded_early_) return;
  decoded_early_ = upload_->HasFrames();
  if (decoded_early_) context_->metrics->Add(Counter::kVideosDecodedEarly, 1);
}

absl::Status Job::FinishVideo() {
  {
    MutexLock lock(&mutex_);
    if (ended()) return end_;
    if (stage_ != Stage::kUpload)
      return absl::FailedPreconditionError("the video is complete already");
    MoveTo(Stage::kDecode);
  }
  SendProgress();
  RunOn(context_->video_pool, &Job::DecodeVideo);
  return absl::OkStatus();
}

void Job::DecodeVideo() {
  absl::StatusOr<std::unique_ptr<VideoReader>> video = FinishUpload();
  if (const absl::Status status = DecodePrompt(); !status.ok()) return End(status);
  if (!video.ok()) return End(video.status());
  video_ = *std::move(video);
  absl::StatusOr<VideoFrames> frames =
      video_->Read({0, kFirstPartFrames, request_.alignment}, cancel_);
  if (!frames.ok()) return End(frames.status());
  frames_ = *std::move(frames);
  local_read_ = static_cast<int>(frames_.local.size());
  if (const absl::Status status = StartSong(); !status.ok()) return End(status);

  if (known_frames_ < total_frames_) {
    {
      MutexLock lock(&mutex_);
      MoveTo(Stage::kEncode);
    }
    RunOn(context_->encode_pool, &Job::EncodeVideo);
  } else {
    frames_ = {};
    SongEnded(absl::OkStatus(), {});
  }
}

absl::Status Job::ReserveSong() {
  const MusicModel& model = *context_->model;
  RequestMemory memory;
  memory.song = SongBytes(model.info(), total_frames_, request_.loudness, request_.variants) +
                prompt_.size() * sizeof(prompt_[0]);
  if (known_frames_ < total_frames_) {
    memory.parts = video_ != nullptr;
    if (memory.parts) {
      // All frames are of one size.
      memory.video = video_->bytes();
      memory.frames = kFirstPartFrames * uint64_t{frames_.frames[0].size()};
    }
    uint64_t first_part = 0;
    for (const auto& frame : frames_.frames) first_part += frame.size();
    memory.frames = std::max(memory.frames, first_part);
    memory.condition = MostCondition(model, frames_.seconds, windows_);
  }
  MutexLock lock(&mutex_);
  reserved_ = memory;
  return memory_.Resize(memory.total(), memory.largest());
}

absl::Status Job::StartSong() {
  const ModelInfo& model = context_->model->info();
  {
    MutexLock lock(&mutex_);
    total_frames_ = int64_t{frames_.seconds} * kFrameRate;
  }
  const int64_t received = *std::max_element(received_frames_.begin(), received_frames_.end());
  if (received > total_frames_) {
    return absl::InvalidArgumentError(absl::StrCat("resume.tokens holds ", received,
                                                   " frames, but the song has ", total_frames_));
  }
  RETURN_IF_ERROR(CheckPrompt());
  windows_ = PlanWindows(frames_.seconds, OverlapFrames(request_.window_overlap_seconds),
                         request_.alignment);
  if (known_frames_ == total_frames_ || local_read_ >= LocalFramesNeeded(windows_)) {
    video_ = nullptr;
  }
  RETURN_IF_ERROR(ReserveSong());

  for (int v = 0; v < request_.variants; ++v) {
    ASSIGN_OR_RETURN(audio_.emplace_back(), NewPipeline(v));
  }

  GenerationStarted started;
  started.request_id = request_.request_id;
  started.model = model.name;
  started.sample_rate = model.sample_rate;
  started.channels = model.channels;
  started.format = request_.format;
  for (int v = 0; v < request_.variants; ++v) {
    started.seeds.push_back(VariantSeed(request_.sampling.seed, v));
  }
  started.fingerprint = model.fingerprint;
  started.server_version = context_->origin.version;
  started.origin_text = context_->origin.text;
  started.sampling = request_.sampling;
  started.total_samples = audio_.front()->total_samples();
  started.total_frames = total_frames_;
  events_.Push(std::move(started));

  MutexLock lock(&mutex_);
  for (int v = 0; v < request_.variants; ++v) UpdateWanted(v);
  pump_ = Pump::kIdle;
  SchedulePump();  // a resumed song has tokens already
  return absl::OkStatus();
}

void Job::SongPlaced() {
  MutexLock lock(&mutex_);
  MoveTo(Stage::kGenerate);
  placed_ = stage_began_;
  SchedulePump();
}

void Job::FramesMade(int variant, absl::Span<const int32_t> tokens) {
  MutexLock lock(&mutex_);
  if (ended()) return;  // the scheduler drops the song before the next step
  std::vector<uint16_t>& all = variants_[variant].tokens;
  all.insert(all.end(), tokens.begin(), tokens.end());
  CountFrames();
  SchedulePump();
}

void Job::CountFrames() {
  size_t least = variants_.front().tokens.size();
  for (const Variant& variant : variants_) least = std::min(least, variant.tokens.size());
  frames_made_ = static_cast<int64_t>(least) / context_->model->info().codebooks;
}

void Job::SongEnded(const absl::Status& status, const SongTimes& times) {
  {
    MutexLock lock(&mutex_);
    device_share_.reset();
    seconds_.prefill = absl::ToDoubleSeconds(times.opening);
    seconds_.generate = absl::ToDoubleSeconds(times.steps);
    if (status.ok()) {
      MoveTo(Stage::kDeliver);
      SchedulePump();
    }
  }
  if (!status.ok()) End(status);
}

}  // namespace vidmuse
