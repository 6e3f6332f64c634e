#include "server/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "vidmuse/audio_format.h"

namespace vidmuse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

GenerationRequest Convert(const v1::GenerateMusicConfig& config) {
  auto request = ToRequest(config, ModelInfo());
  EXPECT_TRUE(request.ok()) << request.status();
  return request.ok() ? *request : GenerationRequest();
}

void ExpectError(const v1::GenerateMusicConfig& config, const std::string& part) {
  const auto request = ToRequest(config, ModelInfo());
  ASSERT_FALSE(request.ok()) << config.DebugString();
  EXPECT_EQ(request.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(request.status().message()), HasSubstr(part));
}

TEST(ToRequestTest, EmptyConfigHasTheReferencesDefaults) {
  const GenerationRequest request = Convert({});
  EXPECT_FALSE(request.sampling.greedy);
  EXPECT_EQ(request.sampling.temperature, 1.0f);
  EXPECT_EQ(request.sampling.top_k, 250);
  EXPECT_EQ(request.sampling.top_p, 0.0f);
  EXPECT_FALSE(request.cfg_coef_is_set);
  EXPECT_FALSE(request.seed_is_set);
  EXPECT_EQ(request.max_seconds, 0);
  EXPECT_EQ(request.window_overlap_seconds, 0.5);
  EXPECT_EQ(request.alignment, Alignment::kReference);
  EXPECT_EQ(request.prompt_audio, "");
  EXPECT_EQ(request.format, AudioFormat::kWav);
  EXPECT_EQ(request.loudness, LoudnessMode::kReference);
  EXPECT_FALSE(request.return_tokens);
  EXPECT_EQ(request.chunk_seconds, 0);
  EXPECT_FALSE(request.declared_bytes.has_value());
  EXPECT_FALSE(request.declared_seconds.has_value());
  EXPECT_FALSE(request.resume.has_value());
}

TEST(ToRequestTest, EveryFieldArrives) {
  v1::GenerateMusicConfig config;
  config.mutable_sampling()->set_greedy(true);
  config.mutable_sampling()->set_temperature(0.5f);
  config.mutable_sampling()->set_top_k(7);
  config.mutable_sampling()->set_top_p(0.25f);
  config.mutable_sampling()->set_cfg_coef(4.0f);
  config.mutable_sampling()->set_seed(0);
  config.set_max_duration_seconds(12.5);
  config.set_format(v1::AUDIO_FORMAT_FLAC);
  config.set_loudness(v1::LOUDNESS_NONE);
  config.set_video_bytes(1000);
  config.set_video_seconds(3.5);
  config.mutable_resume()->set_tokens(std::string("\x01\x00\x02\x00\x03\x00\xff\x07", 8));
  config.mutable_resume()->set_received_bytes(99);
  config.set_return_tokens(true);
  config.set_window_overlap_seconds(12);
  config.set_alignment(v1::ALIGNMENT_TIME);
  config.set_prompt_audio(std::string("R\0F", 3));
  config.set_max_chunk_seconds(0.5);
  const GenerationRequest request = Convert(config);
  EXPECT_TRUE(request.sampling.greedy);
  EXPECT_EQ(request.sampling.temperature, 0.5f);
  EXPECT_EQ(request.sampling.top_k, 7);
  EXPECT_EQ(request.sampling.top_p, 0.25f);
  EXPECT_EQ(request.sampling.cfg_coef, 4.0f);
  EXPECT_TRUE(request.cfg_coef_is_set);
  EXPECT_EQ(request.sampling.seed, 0u);
  EXPECT_TRUE(request.seed_is_set);
  EXPECT_EQ(request.max_seconds, 12.5);
  EXPECT_EQ(request.format, AudioFormat::kFlac);
  EXPECT_EQ(request.loudness, LoudnessMode::kNone);
  EXPECT_EQ(request.declared_bytes, 1000u);
  EXPECT_EQ(request.declared_seconds, 3.5);
  ASSERT_TRUE(request.resume.has_value());
  EXPECT_THAT(request.resume->variants[0].tokens, ElementsAre(1, 2, 3, 2047));
  EXPECT_EQ(request.resume->variants[0].received_bytes, 99u);
  EXPECT_TRUE(request.return_tokens);
  EXPECT_EQ(request.chunk_seconds, 0.5);
  EXPECT_EQ(request.window_overlap_seconds, 12);
  EXPECT_EQ(request.alignment, Alignment::kTime);
  EXPECT_EQ(request.prompt_audio, std::string("R\0F", 3));
}

TEST(ToRequestTest, SamplingRanges) {
  const auto with = [](auto set) {
    v1::GenerateMusicConfig config;
    set(*config.mutable_sampling());
    return config;
  };
  for (const float good : {0.0f, 10.0f}) {
    Convert(with([&](auto& sampling) { sampling.set_temperature(good); }));
  }
  for (const float bad : {-0.1f, 10.1f, kNan}) {
    ExpectError(with([&](auto& sampling) { sampling.set_temperature(bad); }),
                "sampling.temperature = ");
  }
  Convert(with([](auto& sampling) { sampling.set_top_k(65536); }));
  ExpectError(with([](auto& sampling) { sampling.set_top_k(65537); }),
              "sampling.top_k = 65537 is out of range, allowed is [0, 65536]");
  for (const float good : {0.0f, 1.0f}) {
    Convert(with([&](auto& sampling) { sampling.set_top_p(good); }));
  }
  for (const float bad : {-0.1f, 1.1f, kNan}) {
    ExpectError(with([&](auto& sampling) { sampling.set_top_p(bad); }), "sampling.top_p = ");
  }
  for (const float good : {0.0f, 20.0f}) {
    Convert(with([&](auto& sampling) { sampling.set_cfg_coef(good); }));
  }
  for (const float bad : {-1.0f, 21.0f, kNan}) {
    ExpectError(with([&](auto& sampling) { sampling.set_cfg_coef(bad); }), "sampling.cfg_coef = ");
  }
}

TEST(ToRequestTest, WindowOverlapsAreWholeHalfSeconds) {
  v1::GenerateMusicConfig config;
  for (const double good : {0.5, 1.0, 7.5, 20.0}) {
    config.set_window_overlap_seconds(good);
    EXPECT_EQ(Convert(config).window_overlap_seconds, good);
  }
  for (const double bad : {0.0, 0.49, 20.5, -1.0, double{kNan}}) {
    config.set_window_overlap_seconds(bad);
    ExpectError(config, "window_overlap_seconds = ");
  }
  config.set_window_overlap_seconds(0.75);
  ExpectError(config, "window_overlap_seconds = 0.75 isn't a multiple of 0.5");
}

TEST(ToRequestTest, LengthRanges) {
  const auto with = [](auto set) {
    v1::GenerateMusicConfig config;
    set(config);
    return config;
  };
  Convert(with([&](auto& config) { config.set_max_duration_seconds(1); }));
  ExpectError(with([&](auto& config) { config.set_max_duration_seconds(0.5); }),
              "max_duration_seconds = 0.5 is out of range, allowed is [1, 1000000]");
  for (const double bad : {0.0, 0.99, -1.0, kInfinity, static_cast<double>(kNan)}) {
    ExpectError(with([&](auto& config) { config.set_max_duration_seconds(bad); }),
                "max_duration_seconds = ");
    ExpectError(with([&](auto& config) { config.set_video_seconds(bad); }), "video_seconds = ");
  }
  for (const double good : {0.02, 30.0}) {
    Convert(with([&](auto& config) { config.set_max_chunk_seconds(good); }));
  }
  for (const double bad : {0.0, 0.019, 30.1, kInfinity, static_cast<double>(kNan)}) {
    ExpectError(with([&](auto& config) { config.set_max_chunk_seconds(bad); }),
                "max_chunk_seconds = ");
  }
}

TEST(ToRequestTest, EnumValues) {
  for (const auto& [sent, format] : std::vector<std::pair<v1::AudioFormat, AudioFormat>>{
           {v1::AUDIO_FORMAT_UNSPECIFIED, AudioFormat::kWav},
           {v1::AUDIO_FORMAT_WAV, AudioFormat::kWav},
           {v1::AUDIO_FORMAT_PCM_S16LE, AudioFormat::kPcmS16le},
           {v1::AUDIO_FORMAT_PCM_F32LE, AudioFormat::kPcmF32le},
           {v1::AUDIO_FORMAT_FLAC, AudioFormat::kFlac},
           {v1::AUDIO_FORMAT_MP3, AudioFormat::kMp3},
           {v1::AUDIO_FORMAT_OGG_VORBIS, AudioFormat::kOggVorbis}}) {
    v1::GenerateMusicConfig config;
    config.set_format(sent);
    EXPECT_EQ(Convert(config).format, format);
  }
  for (const auto& [sent, loudness] : std::vector<std::pair<v1::Loudness, LoudnessMode>>{
           {v1::LOUDNESS_UNSPECIFIED, LoudnessMode::kReference},
           {v1::LOUDNESS_REFERENCE, LoudnessMode::kReference},
           {v1::LOUDNESS_STREAMING, LoudnessMode::kStreaming},
           {v1::LOUDNESS_NONE, LoudnessMode::kNone}}) {
    v1::GenerateMusicConfig config;
    config.set_loudness(sent);
    EXPECT_EQ(Convert(config).loudness, loudness);
  }
  v1::GenerateMusicConfig config;
  config.set_format(static_cast<v1::AudioFormat>(17));
  ExpectError(config, "format = 17 is no AudioFormat");
  config.set_format(v1::AUDIO_FORMAT_WAV);
  config.set_loudness(static_cast<v1::Loudness>(-1));
  ExpectError(config, "loudness = -1 is no Loudness");
  config.Clear();
  config.set_alignment(v1::ALIGNMENT_REFERENCE);
  EXPECT_EQ(Convert(config).alignment, Alignment::kReference);
  config.set_alignment(static_cast<v1::Alignment>(3));
  ExpectError(config, "alignment = 3 is no Alignment");
}

TEST(ToRequestTest, ResumeTokens) {
  v1::GenerateMusicConfig config;
  config.mutable_resume();
  EXPECT_TRUE(Convert(config).resume->variants[0].tokens.empty());
  config.mutable_resume()->set_tokens(std::string(7, '\0'));
  ExpectError(config, "resume.tokens: 7 bytes are no whole number of frames of 8 bytes");
  std::string tokens(16, '\0');
  tokens[11] = '\x08';  // 2048, in the second frame
  config.mutable_resume()->set_tokens(tokens);
  ExpectError(config, "token 2048 of frame 1 is out of range, allowed is [0, 2047]");
}

TEST(ToProtoTest, Started) {
  GenerationStarted event{"id", "name", 32000, 1, AudioFormat::kMp3, {77}, 640000, 1000};
  v1::GenerateMusicResponse response;
  ToProto(event, ModelInfo(), &response);
  EXPECT_EQ(response.started().request_id(), "id");
  EXPECT_EQ(response.started().model(), "name");
  EXPECT_EQ(response.started().sample_rate(), 32000u);
  EXPECT_EQ(response.started().channels(), 1u);
  EXPECT_EQ(response.started().format(), v1::AUDIO_FORMAT_MP3);
  EXPECT_EQ(response.started().seed(), 77u);
  EXPECT_EQ(response.started().total_samples(), 640000u);
  EXPECT_EQ(response.started().total_frames(), 1000u);
  EXPECT_EQ(response.started().codebooks(), 4u);
}

TEST(ToProtoTest, Chunk) {
  v1::GenerateMusicResponse response;
  ToProto(AudioChunk{"bytes", 640, 1280, 3, {1, 2047, 256, 0}}, ModelInfo(), &response);
  EXPECT_EQ(response.chunk().data(), "bytes");
  EXPECT_EQ(response.chunk().first_sample(), 640u);
  EXPECT_EQ(response.chunk().num_samples(), 1280u);
  EXPECT_EQ(response.chunk().first_frame(), 3u);
  EXPECT_EQ(response.chunk().tokens(), std::string("\x01\x00\xff\x07\x00\x01\x00\x00", 8));
  // Nothing of an earlier event is left over.
  ToProto(AudioChunk{}, ModelInfo(), &response);
  EXPECT_EQ(response.ByteSizeLong(), 2u);
}

TEST(ToProtoTest, Finished) {
  GenerationFinished event;
  event.total_samples = 1;
  event.total_frames = 2;
  event.loudness_lufs = {-16.5};
  event.seconds = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  v1::GenerateMusicResponse response;
  ToProto(event, ModelInfo(), &response);
  const v1::GenerationFinished& finished = response.finished();
  EXPECT_EQ(finished.total_samples(), 1u);
  EXPECT_EQ(finished.total_frames(), 2u);
  EXPECT_EQ(finished.loudness_lufs(), -16.5);
  EXPECT_EQ(finished.seconds().queue(), 1);
  EXPECT_EQ(finished.seconds().upload(), 2);
  EXPECT_EQ(finished.seconds().decode(), 3);
  EXPECT_EQ(finished.seconds().encode(), 4);
  EXPECT_EQ(finished.seconds().prefill(), 5);
  EXPECT_EQ(finished.seconds().generate(), 6);
  EXPECT_EQ(finished.seconds().codec(), 7);
  EXPECT_EQ(finished.seconds().total(), 8);
  EXPECT_EQ(finished.queue_seconds(), 1);
  EXPECT_EQ(finished.time_to_first_audio_seconds(), 9);
}

TEST(ToProtoTest, SilenceHasNoLoudness) {
  GenerationFinished event;
  event.loudness_lufs = {-HUGE_VAL};
  v1::GenerateMusicResponse response;
  ToProto(event, ModelInfo(), &response);
  EXPECT_FALSE(response.finished().has_loudness_lufs());
}

TEST(ToProtoTest, Progress) {
  GenerationProgress event;
  event.stage = GenerationStage::kQueue;
  event.queue_position = 3;
  event.estimated_queue_seconds = 1.5;
  event.frames_made = 4;
  event.total_frames = 5;
  v1::GenerateMusicResponse response;
  ToProto(event, ModelInfo(), &response);
  const v1::GenerationProgress& progress = response.progress();
  EXPECT_EQ(progress.stage(), v1::GENERATION_STAGE_QUEUE);
  EXPECT_EQ(progress.queue_position(), 3u);
  EXPECT_EQ(progress.estimated_queue_seconds(), 1.5);
  EXPECT_EQ(progress.frames_made(), 4u);
  EXPECT_EQ(progress.total_frames(), 5u);
  ToProto(GenerationProgress(), ModelInfo(), &response);
  EXPECT_FALSE(response.progress().has_estimated_queue_seconds());
}

TEST(ToProtoTest, StartedHasTheFingerprintAndWhatIsInForce) {
  GenerationStarted event;
  event.seeds = {9};
  event.fingerprint = "f1";
  event.server_version = "1.2";
  event.origin_text = "ours";
  event.sampling.greedy = true;
  event.sampling.temperature = 0.5f;
  event.sampling.top_k = 7;
  event.sampling.top_p = 0.25f;
  event.sampling.cfg_coef = 2.0f;
  event.sampling.seed = 9;
  v1::GenerateMusicResponse response;
  ToProto(event, ModelInfo(), &response);
  EXPECT_EQ(response.started().fingerprint(), "f1");
  EXPECT_EQ(response.started().server_version(), "1.2");
  EXPECT_EQ(response.started().origin_text(), "ours");
  const v1::SamplingConfig& sampling = response.started().sampling();
  EXPECT_TRUE(sampling.greedy());
  EXPECT_EQ(sampling.temperature(), 0.5f);
  EXPECT_EQ(sampling.top_k(), 7u);
  EXPECT_EQ(sampling.top_p(), 0.25f);
  EXPECT_EQ(sampling.cfg_coef(), 2.0f);
  EXPECT_EQ(sampling.seed(), 9u);
}

TEST(ToProtoTest, ModelInfo) {
  ModelInfo model{"n", "small", 5,    "cpu", "int8", 16000, 2,    25,
                  640, 8,       1024, 3.0f,  30,     0,     "f1", "free"};
  model.encodes_audio = true;
  Limits limits;
  limits.max_video_bytes = 1;
  limits.max_video_seconds = 2.5;
  limits.max_frame_width = 3;
  limits.max_frame_height = 4;
  limits.max_frame_pixels = 5;
  limits.max_frames_per_second = 6.5;
  limits.max_queued_requests = 7;
  limits.max_batch = 8;
  limits.max_prompt_bytes = 10;
  v1::GetModelInfoResponse response;
  ToProto(model, limits, 9, "1.2.3", &response);
  EXPECT_EQ(response.name(), "n");
  EXPECT_EQ(response.scale(), "small");
  EXPECT_EQ(response.parameters(), 5u);
  EXPECT_EQ(response.device(), "cpu");
  EXPECT_EQ(response.precision(), "int8");
  EXPECT_EQ(response.sample_rate(), 16000u);
  EXPECT_EQ(response.channels(), 2u);
  EXPECT_EQ(response.frame_rate(), 25u);
  EXPECT_EQ(response.codebooks(), 8u);
  EXPECT_EQ(response.card(), 1024u);
  EXPECT_EQ(response.max_duration_seconds(), 2.5);
  EXPECT_EQ(response.limits().max_video_bytes(), 1u);
  EXPECT_EQ(response.limits().max_video_seconds(), 2.5);
  EXPECT_EQ(response.limits().max_frame_width(), 3u);
  EXPECT_EQ(response.limits().max_frame_height(), 4u);
  EXPECT_EQ(response.limits().max_frame_pixels(), 5u);
  EXPECT_EQ(response.limits().max_frames_per_second(), 6.5);
  EXPECT_EQ(response.limits().max_queued_requests(), 7u);
  EXPECT_EQ(response.limits().max_batch(), 8u);
  EXPECT_EQ(response.limits().max_message_bytes(), 9u);
  EXPECT_EQ(response.license_note(), "free");
  EXPECT_EQ(response.fingerprint(), "f1");
  EXPECT_EQ(response.server_version(), "1.2.3");
  EXPECT_EQ(response.limits().max_prompt_bytes(), 10u);
  model.encodes_audio = false;
  v1::GetModelInfoResponse without_encoder;
  ToProto(model, limits, 9, "1.2.3", &without_encoder);
  EXPECT_EQ(without_encoder.limits().max_prompt_bytes(), 0u);
}

}  // namespace
}  // namespace vidmuse
