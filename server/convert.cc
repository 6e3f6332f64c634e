#include "server/convert.h"

#include <cmath>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/option_range.h"
#include "core/base/status_macros.h"
#include "vidmuse/audio_format.h"
#include "vidmuse/sampling_options.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

template <typename T>
absl::Status OutOfRange(absl::string_view field, const T& value, absl::string_view allowed) {
  return AboutField(absl::InvalidArgumentError(absl::StrCat(
                        field, " = ", value, " is out of range, allowed is ", allowed)),
                    field);
}

absl::Status SetSampling(const v1::SamplingConfig& config, GenerationRequest& request) {
  SamplingOptions& sampling = request.sampling;
  if (config.has_greedy()) sampling.greedy = config.greedy();
  if (config.has_temperature()) {
    RETURN_IF_ERROR(CheckRange(kTemperatureRange, config.temperature()));
    sampling.temperature = config.temperature();
  }
  if (config.has_top_k()) {
    RETURN_IF_ERROR(CheckRange(kTopKRange, config.top_k()));
    sampling.top_k = static_cast<int>(config.top_k());
  }
  if (config.has_top_p()) {
    RETURN_IF_ERROR(CheckRange(kTopPRange, config.top_p()));
    sampling.top_p = config.top_p();
  }
  if (config.has_cfg_coef()) {
    RETURN_IF_ERROR(CheckRange(kCfgCoefRange, config.cfg_coef()));
    sampling.cfg_coef = config.cfg_coef();
    request.cfg_coef_is_set = true;
  }
  if (config.has_seed()) {
    sampling.seed = config.seed();
    request.seed_is_set = true;
  }
  return absl::OkStatus();
}

absl::StatusOr<AudioFormat> ToFormat(v1::AudioFormat format) {
  switch (format) {
    case v1::AUDIO_FORMAT_UNSPECIFIED:
    case v1::AUDIO_FORMAT_WAV:
      return AudioFormat::kWav;
    case v1::AUDIO_FORMAT_PCM_S16LE:
      return AudioFormat::kPcmS16le;
    case v1::AUDIO_FORMAT_PCM_F32LE:
      return AudioFormat::kPcmF32le;
    case v1::AUDIO_FORMAT_FLAC:
      return AudioFormat::kFlac;
    case v1::AUDIO_FORMAT_MP3:
      return AudioFormat::kMp3;
    case v1::AUDIO_FORMAT_OGG_VORBIS:
      return AudioFormat::kOggVorbis;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("format = ", static_cast<int>(format), " is no AudioFormat"));
  }
}

v1::AudioFormat FromFormat(AudioFormat format) {
  switch (format) {
    case AudioFormat::kWav:
      return v1::AUDIO_FORMAT_WAV;
    case AudioFormat::kPcmS16le:
      return v1::AUDIO_FORMAT_PCM_S16LE;
    case AudioFormat::kPcmF32le:
      return v1::AUDIO_FORMAT_PCM_F32LE;
    case AudioFormat::kFlac:
      return v1::AUDIO_FORMAT_FLAC;
    case AudioFormat::kMp3:
      return v1::AUDIO_FORMAT_MP3;
    case AudioFormat::kOggVorbis:
      return v1::AUDIO_FORMAT_OGG_VORBIS;
  }
  return v1::AUDIO_FORMAT_UNSPECIFIED;
}

absl::StatusOr<LoudnessMode> ToLoudness(v1::Loudness loudness) {
  switch (loudness) {
    case v1::LOUDNESS_UNSPECIFIED:
    case v1::LOUDNESS_REFERENCE:
      return LoudnessMode::kReference;
    case v1::LOUDNESS_STREAMING:
      return LoudnessMode::kStreaming;
    case v1::LOUDNESS_NONE:
      return LoudnessMode::kNone;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("loudness = ", static_cast<int>(loudness), " is no Loudness"));
  }
}

absl::StatusOr<Alignment> ToAlignment(v1::Alignment alignment) {
  switch (alignment) {
    case v1::ALIGNMENT_UNSPECIFIED:
    case v1::ALIGNMENT_REFERENCE:
      return Alignment::kReference;
    case v1::ALIGNMENT_TIME:
      return Alignment::kTime;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("alignment = ", static_cast<int>(alignment), " is no Alignment"));
  }
}

absl::StatusOr<ResumeVariant> ToResumeVariant(const std::string& bytes, uint64_t received_bytes,
                                              const ModelInfo& model) {
  const size_t frame_bytes = sizeof(uint16_t) * model.codebooks;
  if (bytes.size() % frame_bytes != 0) {
    return absl::InvalidArgumentError(absl::StrCat("resume.tokens: ", bytes.size(),
                                                   " bytes are no whole number of frames of ",
                                                   frame_bytes, " bytes"));
  }
  ResumeVariant variant;
  variant.received_bytes = received_bytes;
  variant.tokens.reserve(bytes.size() / sizeof(uint16_t));
  for (size_t i = 0; i < bytes.size(); i += sizeof(uint16_t)) {
    const int token =
        static_cast<unsigned char>(bytes[i]) | static_cast<unsigned char>(bytes[i + 1]) << 8;
    if (token >= model.card) {
      return absl::InvalidArgumentError(
          absl::StrCat("resume.tokens: token ", token, " of frame ", i / frame_bytes,
                       " is out of range, allowed is [0, ", model.card - 1, "]"));
    }
    variant.tokens.push_back(static_cast<uint16_t>(token));
  }
  return variant;
}

// `variants`: how many the request asks for.
absl::StatusOr<ResumePoint> ToResume(const v1::ResumeFrom& resume, int variants,
                                     const ModelInfo& model) {
  constexpr size_t kMaxFingerprint = 256;
  if (resume.fingerprint().size() > kMaxFingerprint) {
    return OutOfRange("resume.fingerprint", absl::StrCat(resume.fingerprint().size(), " bytes"),
                      "at most 256 bytes");
  }
  ResumePoint point;
  point.fingerprint = resume.fingerprint();
  if (variants == 1 && resume.variants().empty()) {
    ASSIGN_OR_RETURN(point.variants.emplace_back(),
                     ToResumeVariant(resume.tokens(), resume.received_bytes(), model));
    return point;
  }
  if (!resume.tokens().empty() || resume.received_bytes() != 0) {
    return absl::InvalidArgumentError(
        "resume.tokens and resume.received_bytes don't go with resume.variants");
  }
  if (resume.variants_size() != variants) {
    return absl::InvalidArgumentError(absl::StrCat("resume.variants holds ", resume.variants_size(),
                                                   " of ", variants, " variants"));
  }
  for (const v1::ResumeVariant& variant : resume.variants()) {
    ASSIGN_OR_RETURN(point.variants.emplace_back(),
                     ToResumeVariant(variant.tokens(), variant.received_bytes(), model));
  }
  return point;
}

void FromStarted(const GenerationStarted& event, const ModelInfo& model,
                 v1::GenerationStarted* out) {
  out->set_request_id(event.request_id);
  out->set_model(event.model);
  out->set_sample_rate(event.sample_rate);
  out->set_channels(event.channels);
  out->set_format(FromFormat(event.format));
  out->set_seed(event.seeds.front());
  out->mutable_seeds()->Assign(event.seeds.begin(), event.seeds.end());
  out->set_total_samples(event.total_samples);
  out->set_total_frames(event.total_frames);
  out->set_codebooks(model.codebooks);
  out->set_fingerprint(event.fingerprint);
  out->set_server_version(event.server_version);
  out->set_origin_text(event.origin_text);
  v1::SamplingConfig* sampling = out->mutable_sampling();
  sampling->set_greedy(event.sampling.greedy);
  sampling->set_temperature(event.sampling.temperature);
  sampling->set_top_k(event.sampling.top_k);
  sampling->set_top_p(event.sampling.top_p);
  sampling->set_cfg_coef(event.sampling.cfg_coef);
  sampling->set_seed(event.sampling.seed);
}

void FromChunk(AudioChunk event, v1::AudioChunk* out) {
  out->set_variant(event.variant);
  out->set_data(std::move(event.data));
  out->set_first_sample(event.first_sample);
  out->set_num_samples(event.num_samples);
  out->set_first_frame(event.first_frame);
  std::string* tokens = out->mutable_tokens();
  tokens->reserve(event.tokens.size() * sizeof(uint16_t));
  for (const uint16_t token : event.tokens) {
    tokens->push_back(static_cast<char>(token & 0xff));
    tokens->push_back(static_cast<char>(token >> 8));
  }
}

v1::GenerationStage FromStage(GenerationStage stage) {
  switch (stage) {
    case GenerationStage::kUpload:
      return v1::GENERATION_STAGE_UPLOAD;
    case GenerationStage::kDecode:
      return v1::GENERATION_STAGE_DECODE;
    case GenerationStage::kEncode:
      return v1::GENERATION_STAGE_ENCODE;
    case GenerationStage::kQueue:
      return v1::GENERATION_STAGE_QUEUE;
    case GenerationStage::kGenerate:
      return v1::GENERATION_STAGE_GENERATE;
    case GenerationStage::kDeliver:
      return v1::GENERATION_STAGE_DELIVER;
  }
  return v1::GENERATION_STAGE_UNSPECIFIED;
}

void FromProgress(const GenerationProgress& event, v1::GenerationProgress* out) {
  out->set_stage(FromStage(event.stage));
  out->set_queue_position(event.queue_position);
  if (event.estimated_queue_seconds) {
    out->set_estimated_queue_seconds(*event.estimated_queue_seconds);
  }
  out->set_frames_made(event.frames_made);
  out->set_total_frames(event.total_frames);
}

void FromFinished(const GenerationFinished& event, v1::GenerationFinished* out) {
  out->set_total_samples(event.total_samples);
  out->set_total_frames(event.total_frames);
  const std::vector<double>& lufs = event.loudness_lufs;
  if (std::isfinite(lufs.front())) out->set_loudness_lufs(lufs.front());
  out->mutable_variant_loudness_lufs()->Assign(lufs.begin(), lufs.end());
  v1::StageSeconds* seconds = out->mutable_seconds();
  seconds->set_queue(event.seconds.queue);
  seconds->set_upload(event.seconds.upload);
  seconds->set_decode(event.seconds.decode);
  seconds->set_encode(event.seconds.encode);
  seconds->set_prefill(event.seconds.prefill);
  seconds->set_generate(event.seconds.generate);
  seconds->set_codec(event.seconds.codec);
  seconds->set_total(event.seconds.total);
  out->set_queue_seconds(event.seconds.queue);
  out->set_time_to_first_audio_seconds(event.seconds.first_audio);
}

}  // namespace

absl::StatusOr<GenerationRequest> ToRequest(const v1::GenerateMusicConfig& config,
                                            const ModelInfo& model) {
  GenerationRequest request;
  RETURN_IF_ERROR(SetSampling(config.sampling(), request));
  if (config.has_max_duration_seconds()) {
    RETURN_IF_ERROR(CheckRange(kMaxDurationRange, config.max_duration_seconds()));
    request.max_seconds = config.max_duration_seconds();
  }
  ASSIGN_OR_RETURN(request.format, ToFormat(config.format()));
  ASSIGN_OR_RETURN(request.loudness, ToLoudness(config.loudness()));
  ASSIGN_OR_RETURN(request.alignment, ToAlignment(config.alignment()));
  if (config.has_video_bytes()) request.declared_bytes = config.video_bytes();
  if (config.has_video_seconds()) {
    RETURN_IF_ERROR(CheckRange(kVideoSecondsRange, config.video_seconds()));
    request.declared_seconds = config.video_seconds();
  }
  if (config.has_variants()) {
    RETURN_IF_ERROR(CheckRange(kVariantsRange, config.variants()));
    request.variants = static_cast<int>(config.variants());
  }
  if (config.has_resume()) {
    ASSIGN_OR_RETURN(request.resume, ToResume(config.resume(), request.variants, model));
  }
  request.prompt_audio = config.prompt_audio();
  request.return_tokens = config.return_tokens();
  if (config.has_window_overlap_seconds()) {
    RETURN_IF_ERROR(CheckWindowOverlap(config.window_overlap_seconds()));
    request.window_overlap_seconds = config.window_overlap_seconds();
  }
  if (config.has_max_chunk_seconds()) {
    RETURN_IF_ERROR(CheckRange(kMaxChunkRange, config.max_chunk_seconds()));
    request.chunk_seconds = config.max_chunk_seconds();
  }
  return request;
}

void ToProto(StreamEvent event, const ModelInfo& model, v1::GenerateMusicResponse* response) {
  response->Clear();
  if (const auto* started = std::get_if<GenerationStarted>(&event)) {
    FromStarted(*started, model, response->mutable_started());
  } else if (auto* chunk = std::get_if<AudioChunk>(&event)) {
    FromChunk(std::move(*chunk), response->mutable_chunk());
  } else if (const auto* progress = std::get_if<GenerationProgress>(&event)) {
    FromProgress(*progress, response->mutable_progress());
  } else {
    FromFinished(std::get<GenerationFinished>(event), response->mutable_finished());
  }
}

void ToProto(const ModelInfo& model, const Limits& limits, int max_message_bytes,
             absl::string_view version, v1::GetModelInfoResponse* response) {
  response->set_name(model.name);
  response->set_scale(model.scale);
  response->set_parameters(model.parameters);
  response->set_device(model.device);
  response->set_precision(model.precision);
  response->set_sample_rate(model.sample_rate);
  response->set_channels(model.channels);
  response->set_frame_rate(model.frame_rate);
  response->set_codebooks(model.codebooks);
  response->set_card(model.card);
  response->set_max_duration_seconds(limits.max_video_seconds);
  v1::RequestLimits* out = response->mutable_limits();
  out->set_max_video_bytes(limits.max_video_bytes);
  out->set_max_video_seconds(limits.max_video_seconds);
  out->set_max_frame_width(limits.max_frame_width);
  out->set_max_frame_height(limits.max_frame_height);
  out->set_max_frame_pixels(limits.max_frame_pixels);
  out->set_max_frames_per_second(limits.max_frames_per_second);
  out->set_max_queued_requests(limits.max_queued_requests);
  out->set_max_batch(limits.max_batch);
  out->set_max_message_bytes(max_message_bytes);
  if (model.encodes_audio) out->set_max_prompt_bytes(limits.max_prompt_bytes);
  response->set_license_note(model.license_note);
  response->set_server_version(std::string(version));
  response->set_fingerprint(model.fingerprint);
}

}  // namespace vidmuse
