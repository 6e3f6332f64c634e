#include "core/engine/audio_pipeline.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

constexpr int64_t kFirstFrames = 16;        // taken first
constexpr int64_t kWaitingFrames = 4;       // taken at a time while there is too little audio
constexpr int64_t kFirstAudioFrames = 15;   // 0.3 s, with which a stream begins
constexpr int64_t kSecondChunkFrames = 12;  // taken next
constexpr int64_t kGrowth = 20;             // chunks grow by one part in so many
constexpr double kMaxChunkSeconds = 2.0;

int64_t MaxChunkFrames(const AudioPipelineOptions& options, const ModelInfo& model) {
  const double seconds =
      options.chunk_seconds > 0 ? std::min(options.chunk_seconds, 30.0) : kMaxChunkSeconds;
  return std::max<int64_t>(1, static_cast<int64_t>(seconds * model.frame_rate));
}

}  // namespace

AudioPipeline::AudioPipeline(const AudioPipelineOptions& options, const ModelInfo& model)
    : options_(options),
      codebooks_(model.codebooks),
      max_chunk_frames_(MaxChunkFrames(options, model)),
      max_chunk_samples_(max_chunk_frames_ * model.samples_per_frame),
      total_samples_(options.total_frames * model.samples_per_frame),
      begun_(options.loudness == LoudnessMode::kReference),
      next_chunk_frames_(std::min(kFirstFrames, max_chunk_frames_)) {}

absl::StatusOr<std::unique_ptr<AudioPipeline>> AudioPipeline::Create(
    const AudioPipelineOptions& options, const ModelInfo& model,
    std::unique_ptr<AudioDecoder> decoder) {
  std::unique_ptr<AudioPipeline> pipeline(new AudioPipeline(options, model));
  pipeline->decoder_ = std::move(decoder);
  ASSIGN_OR_RETURN(
      pipeline->loudness_,
      LoudnessProcessor::Create(options.loudness, model.sample_rate, pipeline->total_samples_));
  ASSIGN_OR_RETURN(pipeline->encoder_,
                   AudioEncoder::Create(options.format, model.sample_rate, model.channels,
                                        pipeline->total_samples_, options.origin));
  return pipeline;
}

int64_t AudioPipeline::frames_needed() const {
  if (ready_begin_ < ready_.size()) return 0;
  return std::min(next_chunk_frames_, options_.total_frames - frames_taken_);
}

void AudioPipeline::UpdateChunkFrames(bool last) {
  if (begun_) {
    // With kReference nothing is heard before the whole song is made.
    const int64_t growth = options_.loudness == LoudnessMode::kReference
                               ? next_chunk_frames_
                               : next_chunk_frames_ / kGrowth;
    next_chunk_frames_ += std::max<int64_t>(growth, 1);
  } else {
    const auto waiting = static_cast<int64_t>(waiting_.size());
    const int64_t enough =
        std::min(kFirstAudioFrames, max_chunk_frames_) * max_chunk_samples_ / max_chunk_frames_;
    begun_ = waiting >= enough || last;
    if (begun_) ready_ = std::exchange(waiting_, {});
    next_chunk_frames_ = begun_ ? kSecondChunkFrames : kWaitingFrames;
  }
  next_chunk_frames_ = std::min(next_chunk_frames_, max_chunk_frames_);
}

absl::Status AudioPipeline::TakeFrames(absl::Span<const uint16_t> tokens, AudioChunk* chunk) {
  const int64_t frames = static_cast<int64_t>(tokens.size()) / codebooks_;
  const int64_t first = frames_taken_;
  frames_taken_ += frames;
  const bool last = frames_taken_ == options_.total_frames;

  const std::vector<int32_t> codes(tokens.begin(), tokens.end());
  std::vector<float> samples;
  RETURN_IF_ERROR(decoder_->Push(codes, last, &samples));
  ready_.clear();
  ready_begin_ = 0;
  RETURN_IF_ERROR(loudness_->Process(samples, last, begun_ ? &ready_ : &waiting_));
  UpdateChunkFrames(last);
  if (options_.return_tokens && frames_taken_ > options_.known_frames) {
    const int64_t begin = std::max(first, options_.known_frames);
    chunk->first_frame = begin;
    chunk->tokens.assign(tokens.begin() + (begin - first) * codebooks_, tokens.end());
  }
  return absl::OkStatus();
}

bool AudioPipeline::WasReceived() const {
  return options_.return_tokens && options_.received_bytes > 0 &&
         bytes_made_ <= options_.received_bytes && frames_taken_ <= options_.known_frames;
}

absl::Status AudioPipeline::EncodeReady(bool with_frames, AudioChunk* chunk) {
  // With kReference, the whole song is in `ready_` at once, and it leaves in several chunks.
  const size_t samples =
      std::min<size_t>(ready_.size() - ready_begin_, static_cast<size_t>(max_chunk_samples_));
  const auto piece = absl::MakeConstSpan(ready_).subspan(ready_begin_, samples);
  ready_begin_ += samples;
  const bool last = frames_taken_ == options_.total_frames && ready_begin_ == ready_.size();
  samples_encoded_ += static_cast<int64_t>(samples);
  RETURN_IF_ERROR(encoder_->Encode(piece, last, &chunk->data));
  // Samples that the encoder gathers belong to the next chunk that is sent.
  if (!chunk->data.empty() || !chunk->tokens.empty() || (with_frames && WasReceived())) {
    chunk->first_sample = std::exchange(samples_in_chunks_, samples_encoded_);
    chunk->num_samples = samples_encoded_ - chunk->first_sample;
  }
  if (last) {
    done_ = true;
    ready_ = {};
    ready_begin_ = 0;
  }

  const uint64_t begin = bytes_made_;
  bytes_made_ += chunk->data.size();
  if (done_ && bytes_made_ < options_.received_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("resume.received_bytes is ", options_.received_bytes,
                     ", but the whole stream has ", bytes_made_, " bytes"));
  }
  if (begin < options_.received_bytes) {
    chunk->data.erase(0, std::min<uint64_t>(chunk->data.size(), options_.received_bytes - begin));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<AudioChunk>> AudioPipeline::Next(absl::Span<const uint16_t> tokens) {
  AudioChunk chunk;
  if (!tokens.empty()) RETURN_IF_ERROR(TakeFrames(tokens, &chunk));
  RETURN_IF_ERROR(EncodeReady(!tokens.empty(), &chunk));
  if (chunk.data.empty() && chunk.tokens.empty()) return std::optional<AudioChunk>();
  return std::make_optional(std::move(chunk));
}

}  // namespace vidmuse
