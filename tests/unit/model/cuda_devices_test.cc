// Which devices a host offers, and what it says of those it doesn't.
#include "core/model/gpu/cuda_devices.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace vidmuse {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Two GPUs that work.
CudaHost GoodHost() {
  CudaHost host;
  host.driver_version = host.runtime_version = 13000;
  host.gpus = {{"cuda:0", 90}, {"cuda:1", 90}};
  return host;
}

std::vector<std::string> Choose(const std::string& devices, const CudaHost& host) {
  const auto choice = ChooseDevices(devices, host);
  EXPECT_TRUE(choice.ok()) << choice.status();
  EXPECT_EQ(choice->warning, "");
  return choice->devices;
}

TEST(CudaDevicesTest, ChoosesWhatIsThere) {
  EXPECT_THAT(Choose("auto", GoodHost()), ElementsAre("cuda:0", "cuda:1"));
  EXPECT_THAT(Choose("cuda", GoodHost()), ElementsAre("cuda:0", "cuda:1"));
  EXPECT_THAT(Choose("cuda:1", GoodHost()), ElementsAre("cuda:1"));
  EXPECT_THAT(Choose("cuda:1,cuda:0", GoodHost()), ElementsAre("cuda:1", "cuda:0"));
  EXPECT_THAT(Choose("cpu", GoodHost()), ElementsAre("cpu"));
  EXPECT_THAT(Choose("cpu", CudaHost()), ElementsAre("cpu"));
}

TEST(CudaDevicesTest, NamesWhatIsMissing) {
  struct Case {
    std::string missing;
    std::string asked;
    void (*spoil)(CudaHost&);
  };
  for (const Case& spoilt : {
           Case{"no NVIDIA driver", "cuda", [](CudaHost& host) { host.driver_version = 0; }},
           Case{"CUDA 12.4, LibTorch needs 13.0", "cuda:0",
                [](CudaHost& host) { host.driver_version = 12040; }},
           Case{"CUDA runtime is missing", "cuda",
                [](CudaHost& host) { host.runtime_version = 0; }},
           Case{"no CUDA-capable device", "cuda",
                [](CudaHost& host) {
                  host.gpus.clear();
                  host.error = "no CUDA-capable device is detected";
                }},
           Case{"libcublas.so.13", "cuda",
                [](CudaHost& host) {
                  host.library = absl::FailedPreconditionError("libcublas.so.13: no such file");
                }},
           Case{"compute capability 7.0", "cuda:1",
                [](CudaHost& host) { host.gpus[1].capability = 70; }},
           Case{"there is no cuda:1", "cuda:0,cuda:1",
                [](CudaHost& host) { host.gpus.pop_back(); }},
       }) {
    CudaHost host = GoodHost();
    spoilt.spoil(host);
    const absl::Status status = ChooseDevices(spoilt.asked, host).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(spoilt.missing));
    EXPECT_THAT(std::string(status.message()), HasSubstr("'" + spoilt.asked + "'"));
    if (spoilt.asked != "cuda") continue;
    const auto choice = ChooseDevices("auto", host);
    ASSERT_TRUE(choice.ok()) << choice.status();
    EXPECT_THAT(choice->devices, ElementsAre("cpu"));
    EXPECT_THAT(choice->warning, HasSubstr(spoilt.missing));
  }
}

TEST(CudaDevicesTest, RefusesWhatIsNoList) {
  for (const char* devices :
       {"", "tpu", "cuda:", "cuda:x", "cuda:-1", "cuda:0,", "cuda:0,cpu", "cuda:0,cuda:0"}) {
    EXPECT_EQ(ChooseDevices(devices, GoodHost()).status().code(),
              absl::StatusCode::kInvalidArgument)
        << devices;
  }
}

TEST(CudaDevicesTest, ThisHostAnswers) {
  const auto choice = ChooseDevices("auto");
  ASSERT_TRUE(choice.ok()) << choice.status();
  ASSERT_FALSE(choice->devices.empty());
  EXPECT_EQ(choice->devices[0] == "cpu", !choice->warning.empty());
}

}  // namespace
}  // namespace vidmuse
