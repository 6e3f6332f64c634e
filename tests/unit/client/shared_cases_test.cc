// Cases that the clients of all languages decide alike: tests/data/client/README.md.
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/music_client.h"
#include "client/resume_plan.h"
#include "client/retry_policy.h"
#include "client/stream_state.h"
#include "core/base/origin_mark.h"

namespace vidmuse {
namespace {

using nlohmann::json;

json ReadCases(const std::string& name) {
  std::ifstream file(std::string(VIDMUSE_TEST_DATA) + "/client/" + name);
  json cases = json::parse(file, nullptr, /*allow_exceptions=*/false);
  EXPECT_FALSE(cases.is_discarded()) << name;
  return cases;
}

absl::StatusCode CodeOf(const std::string& name) {
  for (int code = 0; code <= 16; ++code) {
    const auto found = static_cast<absl::StatusCode>(code);
    if (absl::StatusCodeToString(found) == name) return found;
  }
  ADD_FAILURE() << "no code is named " << name;
  return absl::StatusCode::kUnknown;
}

absl::Status StatusOf(const json& one) {
  const auto code = static_cast<grpc::StatusCode>(CodeOf(one["code"].get<std::string>()));
  return FromGrpcStatus(grpc::Status(code, one.value("message", std::string("failed"))));
}

TEST(SharedCasesTest, Statuses) {
  const json cases = ReadCases("retry_cases.json");
  ASSERT_FALSE(cases["statuses"].empty());
  for (const json& one : cases["statuses"]) {
    EXPECT_EQ(absl::StatusCodeToString(StatusOf(one).code()), one["becomes"].get<std::string>())
        << one.dump();
  }
}

ClientOptions OptionsOf(const json& given) {
  ClientOptions options;
  options.max_retries = given.value("max_retries", options.max_retries);
  const auto set = [&given](const char* name, absl::Duration* value) {
    if (given.contains(name)) *value = absl::Milliseconds(given[name].get<int>());
  };
  set("initial_backoff_ms", &options.initial_backoff);
  set("max_backoff_ms", &options.max_backoff);
  set("max_busy_wait_ms", &options.max_busy_wait);
  return options;
}

TEST(SharedCasesTest, RetryPolicies) {
  const json cases = ReadCases("retry_cases.json");
  ASSERT_FALSE(cases["policies"].empty());
  for (const json& one : cases["policies"]) {
    const ClientOptions options = OptionsOf(one.value("options", json::object()));
    RetryPolicy policy(options);
    for (const json& failure : one["failures"]) {
      SCOPED_TRACE(one["name"].get<std::string>() + ": " + failure.dump());
      if (failure.value("progress", false)) policy.OnProgress();
      Trailers trailers;
      trailers.any = failure.value("trailers", false);
      trailers.forbids_retry = failure.value("forbids_retry", false);
      if (failure.contains("pushback_ms")) {
        trailers.pushback = absl::Milliseconds(failure["pushback_ms"].get<int>());
      }
      const std::optional<absl::Duration> wait = policy.OnFailure(StatusOf(failure), trailers);
      ASSERT_EQ(wait.has_value(), !failure["wait_ms"].is_null());
      if (!wait.has_value()) continue;
      EXPECT_GE(*wait, absl::Milliseconds(failure["wait_ms"][0].get<int>()));
      EXPECT_LE(*wait, absl::Milliseconds(failure["wait_ms"][1].get<int>()));
    }
  }
}

TEST(SharedCasesTest, MarksOfOrigin) {
  const json cases = ReadCases("origin_cases.json")["cases"];
  ASSERT_FALSE(cases.empty());
  for (const json& one : cases) {
    v1::GenerationStarted started;
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(one["started"].dump(), &started).ok());
    const Origin origin = {.version = started.server_version(),
                           .model = started.model(),
                           .seed = started.seed(),
                           .text = started.origin_text()};
    EXPECT_EQ(OriginComment(origin, MarkedFile::kVideo), one["comment"].get<std::string>());
    const std::string xmp = OriginXmp(origin, MarkedFile::kVideo);
    EXPECT_EQ(xmp, one.value("xmp", xmp));
    for (const json& part : one.value("xmp_has", json::array())) {
      EXPECT_NE(xmp.find(part.get<std::string>()), std::string::npos) << part << xmp;
    }
    if (!one.contains("fields")) continue;
    json fields = json::object();
    for (const auto& [name, value] : OriginFields(origin, MarkedFile::kVideo)) fields[name] = value;
    EXPECT_EQ(fields, one["fields"]);
  }
}

// The tokens of a number of frames of four codebooks.
std::string Tokens(const json& given) {
  const size_t frames = given.value("frames", size_t{0});
  return std::string(8 * frames, static_cast<char>(given.value("fill", 0)));
}

v1::AudioChunk ChunkOf(const json& step) {
  v1::AudioChunk chunk;
  std::string data = step.value("head", std::string());
  data.resize(step["bytes"].get<size_t>(), '\0');
  chunk.set_variant(step.value("variant", 0u));
  chunk.set_data(data);
  chunk.set_first_sample(step.value("first_sample", uint64_t{0}));
  chunk.set_num_samples(step.value("num_samples", uint64_t{0}));
  chunk.set_tokens(Tokens(step));
  chunk.set_first_frame(step.value("first_frame", uint64_t{0}));
  return chunk;
}

v1::ResumeFrom GivenOf(const json& one) {
  v1::ResumeFrom given;
  if (!one.contains("given")) return given;
  given.set_tokens(Tokens(one["given"]));
  for (const json& variant : one["given"].value("variants", json::array())) {
    given.add_variants()->set_tokens(Tokens(variant));
  }
  given.set_fingerprint(one["given"].value("fingerprint", std::string()));
  return given;
}

ResumePlan::Options PlanOptionsOf(const json& one) {
  return {.addresses = one.value("addresses", 1),
          .exact_only = one.value("exact_only", false),
          .can_restart = one.value("can_restart", false)};
}

std::string NameOf(ResumeMode mode) {
  switch (mode) {
    case ResumeMode::kExact:
      return "exact";
    case ResumeMode::kSplice:
      return "splice";
    case ResumeMode::kRestart:
      return "restart";
  }
  return "";
}

ResumeMode ModeOf(const std::string& name) {
  if (name == "splice") return ResumeMode::kSplice;
  return name == "restart" ? ResumeMode::kRestart : ResumeMode::kExact;
}

// One song with its plan.
struct Song {
  absl::Status Do(const json& step) {
    const std::string what = step["do"].get<std::string>();
    if (what == "started") {
      json message = song;
      message.update(step.value("with", json::object()));
      v1::GenerationStarted started;
      EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(message.dump(), &started).ok());
      return state.OnStarted(started);
    }
    if (what == "finished") {
      v1::GenerationFinished finished;
      finished.set_total_samples(step["total_samples"].get<uint64_t>());
      return state.OnFinished(finished);
    }
    if (what == "chunk") return state.OnChunk(ChunkOf(step));
    if (what == "other_fingerprint") return plan.OnOtherFingerprint(state);
    if (what == "failure") return plan.OnFailure(state);
    if (what == "settle") return plan.Settle(state);
    if (what == "begin_attempt") {
      state.BeginAttempt();
    } else if (what == "restart") {
      state.Restart();
    } else if (what == "plan_started") {
      plan.OnStarted();
    } else {
      EXPECT_EQ(what, "check");
    }
    return absl::OkStatus();
  }

  void Check(const json& step) const {
    EXPECT_EQ(NameOf(plan.mode()), step.value("mode", NameOf(plan.mode())));
    EXPECT_EQ(plan.searching(), step.value("searching", plan.searching()));
    EXPECT_EQ(state.CanSplice(), step.value("can_splice", state.CanSplice()));
    EXPECT_EQ(state.HasNew(), step.value("has_new", state.HasNew()));
    EXPECT_EQ(state.required_fingerprint(),
              step.value("fingerprint", state.required_fingerprint()));
    EXPECT_EQ(state.received_samples(), step.value("received_samples", state.received_samples()));
    EXPECT_EQ(state.held_frames(), step.value("held_frames", state.held_frames()));
    if (step.contains("config")) CheckConfig(step["config"]);
  }

  void CheckConfig(const json& expected) const {
    v1::GenerateMusicConfig config;
    state.FillConfig(ModeOf(expected["mode"].get<std::string>()), &config);
    EXPECT_EQ(config.sampling().has_seed(), expected.contains("seed"));
    EXPECT_EQ(config.sampling().seed(), expected.value("seed", uint64_t{0}));
    EXPECT_EQ(config.sampling().top_k(), expected.value("top_k", uint32_t{0}));
    EXPECT_EQ(config.has_resume(),
              expected.contains("received_bytes") || expected.contains("variants"));
    EXPECT_EQ(config.resume().received_bytes(), expected.value("received_bytes", uint64_t{0}));
    EXPECT_EQ(config.resume().fingerprint(), expected.value("fingerprint", std::string()));
    EXPECT_EQ(config.resume().tokens(), Tokens(expected));
    const json variants = expected.value("variants", json::array());
    ASSERT_EQ(config.resume().variants_size(), static_cast<int>(variants.size()));
    for (size_t v = 0; v < variants.size(); ++v) {
      const v1::ResumeVariant& variant = config.resume().variants(static_cast<int>(v));
      EXPECT_EQ(variant.tokens(), Tokens(variants[v]));
      EXPECT_EQ(variant.received_bytes(), variants[v]["received_bytes"].get<uint64_t>());
    }
  }

  json song;
  StreamState state;
  ResumePlan plan;
};

TEST(SharedCasesTest, Resumes) {
  const json cases = ReadCases("resume_cases.json");
  ASSERT_FALSE(cases["cases"].empty());
  for (const json& one : cases["cases"]) {
    Song song{cases["song"], StreamState(GivenOf(one), one.value("variants", 1)),
              ResumePlan(PlanOptionsOf(one))};
    for (const json& step : one["steps"]) {
      SCOPED_TRACE(one["name"].get<std::string>() + ": " + step.dump());
      for (int i = 0; i < step.value("times", 1); ++i) {
        EXPECT_EQ(absl::StatusCodeToString(song.Do(step).code()),
                  step.value("is", std::string("OK")));
      }
      song.Check(step);
    }
  }
}

}  // namespace
}  // namespace vidmuse
