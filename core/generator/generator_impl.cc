#include "core/generator/generator_impl.h"

#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/catch_exceptions.h"
#include "core/base/cpus.h"
#include "core/base/memory.h"
#include "core/base/origin_mark.h"
#include "core/base/status_macros.h"
#include "core/generator/device_set.h"
#include "core/generator/request_memory.h"

namespace vidmuse {
namespace {

// Work that runs for longer than this counts as hung. Even a very slow machine takes only seconds.
constexpr absl::Duration kStuckStep = absl::Seconds(60);
constexpr absl::Duration kStuckWindow = absl::Seconds(90);
constexpr absl::Duration kStuckCodec = absl::Minutes(5);  // one chunk, or a whole song's loudness
constexpr absl::Duration kWatchInterval = absl::Milliseconds(20);
// The video and encode pools give way to the device thread. The codec pool doesn't, because readers
// wait for its audio.
constexpr int kBackgroundNice = 5;

int ThreadsOr(int wanted, int otherwise) { return wanted > 0 ? wanted : otherwise; }

// Decoding a video takes a time that grows with its length, and has a time limit of its own. A task
// that takes longer than this for the longest video counts as hung.
absl::Duration StuckVideo(const Limits& limits) {
  return absl::Minutes(3) + 2 * absl::Seconds(limits.max_video_seconds);
}

uint64_t RandomSeed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

// The caller's handle of a job. Destroying it cancels the job.
class JobStream final : public MusicStream {
 public:
  explicit JobStream(std::shared_ptr<Job> job) : job_(std::move(job)) {}
  ~JobStream() override { job_->Drop(); }
  absl::Status AppendVideo(absl::string_view bytes) override { return job_->AppendVideo(bytes); }
  absl::Status FinishVideo() override { return job_->FinishVideo(); }
  void Read(ReadCallback callback) override { job_->Read(std::move(callback)); }
  void Cancel(absl::Status reason) override { job_->Cancel(reason); }

 private:
  const std::shared_ptr<Job> job_;
};

class GeneratorImpl final : public Generator {
 public:
  GeneratorImpl(std::vector<std::unique_ptr<MusicModel>> models,
                const std::vector<size_t>& kv_bytes, VideoOpener open_video,
                SoundDecoder decode_sound, const GeneratorOptions& options, const Clock* clock,
                MetricsSink* metrics);
  ~GeneratorImpl() override;

  absl::StatusOr<std::unique_ptr<MusicStream>> Submit(GenerationRequest request) override;
  const ModelInfo& model_info() const override { return devices_.info(); }
  const Limits& limits() const override { return limits_; }
  absl::Status Health() const override;
  void BeginDrain() override { admission_.BeginDrain(); }
  bool WaitUntilIdle(absl::Duration timeout) override { return admission_.WaitUntilEmpty(timeout); }

 private:
  // The limits of all devices together, for admission.
  static Limits OfAll(Limits limits, size_t devices);
  // Checks the request, admits it and reserves the memory that it is known to take.
  absl::StatusOr<Reservation> Admit(const GenerationRequest& request);
  // Runs in `watch_thread_`: has each job check its deadline, its reader and its progress.
  void Watch();
  // Waits until it is time to check the jobs again. Returns false when the generator stops.
  bool WaitForRound() ABSL_LOCKS_EXCLUDED(mutex_);

  const Limits limits_;
  const Clock* const clock_;
  MetricsSink* const metrics_;
  Admission admission_;
  DeviceSet devices_;
  // Each job has at most one task in each pool.
  std::unique_ptr<WorkerPool> video_pool_, encode_pool_, codec_pool_;
  std::vector<JobContext> contexts_;  // one for each device

  Mutex mutex_;
  std::vector<std::weak_ptr<Job>> jobs_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread watch_thread_;
};

Limits GeneratorImpl::OfAll(Limits limits, size_t devices) {
  limits.max_batch *= static_cast<int>(devices);
  return limits;
}

GeneratorImpl::GeneratorImpl(std::vector<std::unique_ptr<MusicModel>> models,
                             const std::vector<size_t>& kv_bytes, VideoOpener open_video,
                             SoundDecoder decode_sound, const GeneratorOptions& options,
                             const Clock* clock, MetricsSink* metrics)
    : limits_(OfAll(options.limits, models.size())),
      clock_(clock),
      metrics_(metrics),
      admission_(limits_, metrics, [this] { return devices_.NextLoad(); }),
      devices_(std::move(models), kv_bytes, options, clock, metrics) {
  const size_t most = static_cast<size_t>(2 * limits_.max_queued_requests + limits_.max_batch) + 1;
  video_pool_ = std::make_unique<WorkerPool>(
      "vm-video", ThreadsOr(options.video_threads, UsableCpus()), most, clock, kBackgroundNice);
  // Encoding one video already uses all cores. A second thread lets a short video overtake a long
  // one.
  encode_pool_ = std::make_unique<WorkerPool>("vm-encode", ThreadsOr(options.encode_threads, 2),
                                              most, clock, kBackgroundNice);
  // A GPU decodes audio on one stream. A second thread prepares the next chunk meanwhile, but more
  // threads would only take memory for the libraries' workspaces.
  const bool on_gpus = devices_.info().device != "cpu";
  const int codec_threads = on_gpus ? 2 * static_cast<int>(devices_.size()) : UsableCpus();
  codec_pool_ = std::make_unique<WorkerPool>(
      "vm-codec", ThreadsOr(options.codec_threads, codec_threads), most, clock);
  JobContext context;
  context.open_video = std::move(open_video);
  context.decode_sound = std::move(decode_sound);
  context.limits = limits_;
  context.origin = {
      .version = options.server_version, .model = "", .seed = 0, .text = options.origin_text};
  context.progress_interval = absl::Seconds(options.progress_seconds);
  context.send_timeout = absl::Seconds(options.send_timeout_seconds);
  context.clock = clock_;
  context.metrics = metrics_;
  context.admission = &admission_;
  context.video_pool = video_pool_.get();
  context.encode_pool = encode_pool_.get();
  context.codec_pool = codec_pool_.get();
  contexts_.assign(devices_.size(), context);
  for (size_t i = 0; i < devices_.size(); ++i) {
    contexts_[i].model = devices_[i].model.get();
    contexts_[i].engine = devices_[i].engine.get();
    contexts_[i].device_requests = &devices_[i].requests;
  }
  watch_thread_ = std::thread([this] { Watch(); });
}

GeneratorImpl::~GeneratorImpl() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  watch_thread_.join();
  video_pool_.reset();
  encode_pool_.reset();
  // Cancelled jobs may still be in the engine, which drops them between two steps.
  admission_.WaitUntilEmpty(absl::InfiniteDuration());
  codec_pool_.reset();
}

absl::StatusOr<Reservation> GeneratorImpl::Admit(const GenerationRequest& request) {
  RETURN_IF_ERROR(ValidateRequest(request, model_info(), limits_));
  RETURN_IF_ERROR(devices_.CheckDevices());
  MemoryUse use;
  const uint64_t bytes = PromisedMemory(*contexts_[0].model, request, &use);
  return admission_.Enter(request, bytes, use);
}

absl::StatusOr<std::unique_ptr<MusicStream>> GeneratorImpl::Submit(GenerationRequest request) {
  if (!request.seed_is_set) request.sampling.seed = RandomSeed();
  if (!request.cfg_coef_is_set) request.sampling.cfg_coef = model_info().default_cfg_coef;
  if (request.request_id.empty()) request.request_id = absl::StrFormat("%016x", RandomSeed());
  absl::StatusOr<Reservation> memory = Admit(request);
  if (!memory.ok()) {
    metrics_->Add(Counter::kRequests, 1,
                  absl::StrCat(absl::StatusCodeToString(memory.status().code()), "/admission"));
    return memory.status();
  }
  std::shared_ptr<Job> job;
  {
    // Under the lock, so that the next request counts this one at its device.
    MutexLock lock(&mutex_);
    job = std::make_shared<Job>(&contexts_[devices_.LeastLoaded()], std::move(request),
                                *std::move(memory));
    jobs_.push_back(job);
  }
  return std::make_unique<JobStream>(std::move(job));
}

absl::Status GeneratorImpl::Health() const {
  RETURN_IF_ERROR(devices_.CheckDevices());
  RETURN_IF_ERROR(devices_.CheckProgress(kStuckStep, kStuckWindow));
  RETURN_IF_ERROR(video_pool_->CheckProgress(StuckVideo(limits_)));
  RETURN_IF_ERROR(encode_pool_->CheckProgress(StuckVideo(limits_)));
  return codec_pool_->CheckProgress(kStuckCodec);
}

bool GeneratorImpl::WaitForRound() {
  MutexLock lock(&mutex_);
  mutex_.Await([this]()
                   ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || !jobs_.empty(); });
  mutex_.AwaitFor(kWatchInterval,
                  [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_; });
  std::erase_if(jobs_, [](const auto& job) { return job.expired(); });
  return !stopping_;
}

void GeneratorImpl::Watch() {
  while (WaitForRound()) {
    std::vector<std::shared_ptr<Job>> jobs;
    // If memory runs out here, the remaining jobs are checked in a later round.
    CatchExceptions("", [&] {
      MutexLock lock(&mutex_);
      for (const auto& job : jobs_) jobs.push_back(job.lock());
    }).IgnoreError();
    for (const auto& job : jobs) {
      if (job == nullptr) continue;
      CatchExceptions("", [&] { job->CheckTime(); }).IgnoreError();
    }
  }
}

absl::Status CheckPositive(absl::string_view name, double value) {
  if (value > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " is ", value, ", must be above 0"));
}

absl::Status ValidateLimits(const Limits& limits) {
  RETURN_IF_ERROR(CheckPositive("max_video_bytes", static_cast<double>(limits.max_video_bytes)));
  RETURN_IF_ERROR(CheckPositive("max_video_seconds", limits.max_video_seconds));
  RETURN_IF_ERROR(CheckPositive("max_prompt_bytes", static_cast<double>(limits.max_prompt_bytes)));
  RETURN_IF_ERROR(CheckPositive("max_frame_width", limits.max_frame_width));
  RETURN_IF_ERROR(CheckPositive("max_frame_height", limits.max_frame_height));
  RETURN_IF_ERROR(CheckPositive("max_frame_pixels", static_cast<double>(limits.max_frame_pixels)));
  RETURN_IF_ERROR(CheckPositive("max_frames_per_second", limits.max_frames_per_second));
  RETURN_IF_ERROR(
      CheckPositive("max_decoder_bytes", static_cast<double>(limits.max_decoder_bytes)));
  RETURN_IF_ERROR(CheckPositive("max_queued_requests", limits.max_queued_requests));
  RETURN_IF_ERROR(CheckPositive("max_queued_bytes", static_cast<double>(limits.max_queued_bytes)));
  RETURN_IF_ERROR(CheckPositive("max_batch", limits.max_batch));
  return CheckPositive("max_stream_buffer_bytes",
                       static_cast<double>(limits.max_stream_buffer_bytes));
}

absl::Status ValidateOptions(const GeneratorOptions& options) {
  RETURN_IF_ERROR(CheckPositive("progress_seconds", options.progress_seconds));
  RETURN_IF_ERROR(CheckOriginText(options.origin_text));
  RETURN_IF_ERROR(CheckPositive("send_timeout_seconds", options.send_timeout_seconds));
  return ValidateLimits(options.limits);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Generator>> NewGenerator(
    std::vector<std::unique_ptr<MusicModel>> models, VideoOpener open_video,
    const GeneratorOptions& options, const Clock* clock, MetricsSink* metrics,
    SoundDecoder decode_sound) {
  RETURN_IF_ERROR(ValidateOptions(options));
  std::vector<size_t> kv_bytes;
  const uint64_t available = AvailableMemory();
  for (const auto& model : models) {
    ASSIGN_OR_RETURN(kv_bytes.emplace_back(), KvBudget(*model, options, available));
  }
  return std::make_unique<GeneratorImpl>(std::move(models), kv_bytes, std::move(open_video),
                                         std::move(decode_sound), options, clock, metrics);
}

absl::StatusOr<std::unique_ptr<Generator>> NewGenerator(std::unique_ptr<MusicModel> model,
                                                        VideoOpener open_video,
                                                        const GeneratorOptions& options,
                                                        const Clock* clock, MetricsSink* metrics,
                                                        SoundDecoder decode_sound) {
  std::vector<std::unique_ptr<MusicModel>> models;
  models.push_back(std::move(model));
  return NewGenerator(std::move(models), std::move(open_video), options, clock, metrics,
                      std::move(decode_sound));
}

}  // namespace vidmuse
