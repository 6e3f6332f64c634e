#include "telemetry/otlp_options.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>
#include <variant>

#include "core/base/version.h"

namespace vidmuse {
namespace {

class OtlpOptionsTest : public ::testing::Test {
 protected:
  OtlpOptionsTest() { Clear(); }
  ~OtlpOptionsTest() override { Clear(); }

  static void Clear() {
    for (const char* name : {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT",
                             "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"}) {
      unsetenv(name);
    }
  }
};

TEST_F(OtlpOptionsTest, Endpoints) {
  const auto options = [](const std::string& endpoint) {
    return MakeOtlpOptions(endpoint, "program");
  };
  EXPECT_EQ(options("host:4317")->target, "host:4317");
  EXPECT_FALSE(options("host:4317")->tls);
  EXPECT_EQ(options("http://host:4317/")->target, "host:4317");
  EXPECT_FALSE(options("http://host:4317")->tls);
  EXPECT_EQ(options("https://host:4317")->target, "host:4317");
  EXPECT_TRUE(options("https://host:4317")->tls);
  for (const char* bad : {"host", "ftp://host:1", "host:port", "http://", "host:99999", ""}) {
    EXPECT_EQ(options(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_EQ(OtlpEndpointType().parse(bad).ok(), *bad == '\0') << bad;
  }
}

TEST_F(OtlpOptionsTest, TheVariablesAreOpenTelemetrys) {
  EXPECT_EQ(OtlpEndpoint(""), "");
  setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:1", 1);
  EXPECT_EQ(OtlpEndpoint(""), "http://all:1");
  setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:1", 1);
  EXPECT_EQ(OtlpEndpoint(""), "http://traces:1");
  EXPECT_EQ(OtlpEndpoint("flag:1"), "flag:1");

  const auto resource = [] {
    std::map<std::string, std::string> texts;
    const auto options = MakeOtlpOptions("host:1", "program");
    for (const SpanAttribute& attribute : options->resource) {
      const auto* text = std::get_if<std::string>(&attribute.value);
      texts[attribute.key] = text == nullptr ? "" : *text;
    }
    return texts;
  };
  EXPECT_EQ(resource()["service.name"], "program");
  EXPECT_EQ(resource()["service.version"], Version());
  EXPECT_TRUE(resource().contains("process.pid"));
  setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test, service.version=9,,", 1);
  setenv("OTEL_SERVICE_NAME", "mine", 1);
  EXPECT_EQ(resource()["service.name"], "mine");
  EXPECT_EQ(resource()["service.version"], "9");
  EXPECT_EQ(resource()["deployment.environment"], "test");
}

}  // namespace
}  // namespace vidmuse
