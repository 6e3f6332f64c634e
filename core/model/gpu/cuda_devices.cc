#include "core/model/gpu/cuda_devices.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/status_macros.h"

namespace vidmuse {
namespace {

constexpr char kTorchCuda[] = "libtorch_cuda.so";
constexpr char kOwnLibrary[] = "libvidmuse_cuda.so";
constexpr char kInstall[] = "deploy/setup.sh --cuda installs it";
constexpr int kLeastCapability = 75;  // required by LibTorch's builds for CUDA 13
constexpr int kMaxGpus = 64;

// The driver is asked through libcudart, which comes with LibTorch's CPU half, so nothing has to be
// opened first. The numbers of its attributes are part of CUDA's ABI.
constexpr int kCapabilityMajor = 75;
constexpr int kCapabilityMinor = 76;

template <typename Function>
Function* Find(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

std::string Version(int version) { return absl::StrCat(version / 1000, ".", version % 1000 / 10); }

absl::Status Open(const std::string& path) {
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL) != nullptr) return absl::OkStatus();
  const char* why = dlerror();
  return absl::FailedPreconditionError(why == nullptr ? path : why);
}

// Reads the first field of CUDA's cudaDeviceProp, which is smaller than this struct.
std::string CardName(int index) {
  struct {
    char name[256];
    char rest[16 << 10];
  } properties = {};
  const auto read = Find<int(void*, int)>("cudaGetDeviceProperties");
  if (read == nullptr || read(&properties, index) != 0) return "";
  return std::string(properties.name, strnlen(properties.name, sizeof(properties.name)));
}

CudaHost Probe() {
  CudaHost host;
  const auto runtime_version = Find<int(int*)>("cudaRuntimeGetVersion");
  const auto driver_version = Find<int(int*)>("cudaDriverGetVersion");
  const auto count = Find<int(int*)>("cudaGetDeviceCount");
  const auto attribute = Find<int(int*, int, int)>("cudaDeviceGetAttribute");
  const auto describe = Find<const char*(int)>("cudaGetErrorString");
  if (!runtime_version || !driver_version || !count || !attribute || !describe) return host;
  runtime_version(&host.runtime_version);
  driver_version(&host.driver_version);
  if (host.driver_version < host.runtime_version / 1000 * 1000) return host;
  int gpus = 0;
  if (const int error = count(&gpus); error != 0) {
    host.error = describe(error);
    return host;
  }
  for (int i = 0; i < std::min(gpus, kMaxGpus); ++i) {
    int major = 0, minor = 0;
    attribute(&major, kCapabilityMajor, i);
    attribute(&minor, kCapabilityMinor, i);
    host.gpus.push_back({absl::StrCat("cuda:", i), 10 * major + minor, CardName(i)});
  }
  if (!host.gpus.empty()) host.library = Open(kTorchCuda);
  return host;
}

// Returns an error that says why LibTorch can't use a GPU of this host, or OK.
absl::Status CheckHost(const CudaHost& host) {
  const auto missing = [](const auto&... what) {
    return absl::FailedPreconditionError(absl::StrCat(what...));
  };
  if (host.runtime_version == 0) return missing("LibTorch's CUDA runtime is missing; ", kInstall);
  if (host.driver_version == 0) return missing("this host has no NVIDIA driver");
  if (host.driver_version < host.runtime_version / 1000 * 1000) {
    return missing("the NVIDIA driver speaks CUDA ", Version(host.driver_version),
                   ", LibTorch needs ", host.runtime_version / 1000, ".0 or newer");
  }
  if (host.gpus.empty()) {
    return missing("this host shows no GPU", host.error.empty() ? "" : ": ", host.error);
  }
  if (!host.library.ok()) {
    return missing("LibTorch's CUDA half can't be opened (", host.library.message(), "); ",
                   kInstall);
  }
  return absl::OkStatus();
}

absl::Status CheckGpu(const CudaHost& host, int index) {
  const auto count = static_cast<int>(host.gpus.size());
  if (index >= count) {
    return absl::FailedPreconditionError(
        absl::StrCat("there is no cuda:", index, ": this host shows ", count, " GPU(s)"));
  }
  const int capability = host.gpus[index].capability;
  if (capability >= kLeastCapability) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "cuda:", index, " has compute capability ", capability / 10, ".", capability % 10,
      ", LibTorch needs ", kLeastCapability / 10, ".", kLeastCapability % 10, " or newer"));
}

absl::StatusOr<std::vector<int>> Indices(const std::string& devices, const CudaHost& host) {
  std::vector<int> indices;
  if (devices == "cuda") {
    for (size_t i = 0; i < host.gpus.size(); ++i) indices.push_back(static_cast<int>(i));
    return indices;
  }
  for (const absl::string_view name : absl::StrSplit(devices, ',')) {
    int index = -1;
    if (!absl::StartsWith(name, "cuda:") || !absl::SimpleAtoi(name.substr(5), &index) ||
        index < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "device '", devices, "', expected auto, cpu, cuda or a list such as cuda:0,cuda:1"));
    }
    if (std::count(indices.begin(), indices.end(), index) > 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("device '", devices, "' names cuda:", index, " twice"));
    }
    indices.push_back(index);
  }
  return indices;
}

absl::StatusOr<std::vector<std::string>> Gpus(const std::string& devices, const CudaHost& host) {
  ASSIGN_OR_RETURN(const std::vector<int> indices, Indices(devices, host));
  RETURN_IF_ERROR(CheckHost(host));
  std::vector<std::string> names;
  for (const int index : indices) {
    RETURN_IF_ERROR(CheckGpu(host, index));
    names.push_back(absl::StrCat("cuda:", index));
  }
  return names;
}

// Looks for the library beside this program and, for tests, in the folder above.
void OpenOwnLibrary() {
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe");
  absl::Status opened;
  for (const auto& folder : {program.parent_path(), program.parent_path().parent_path()}) {
    opened = Open(folder / kOwnLibrary);
    if (opened.ok()) return;
  }
  throw std::runtime_error(std::string(opened.message()));
}

}  // namespace

const CudaHost& ThisHost() {
  static const auto* host = new CudaHost(Probe());
  return *host;
}

absl::StatusOr<DeviceChoice> ChooseDevices(const std::string& devices, const CudaHost& host) {
  DeviceChoice choice;
  if (devices == "cpu") {
    choice.devices = {"cpu"};
    return choice;
  }
  const bool is_auto = devices == "auto";
  absl::StatusOr<std::vector<std::string>> gpus = Gpus(is_auto ? "cuda" : devices, host);
  if (gpus.ok()) {
    choice.devices = *std::move(gpus);
    return choice;
  }
  if (!is_auto) {
    if (absl::IsInvalidArgument(gpus.status())) return gpus.status();
    return absl::Status(gpus.status().code(),
                        absl::StrCat("device '", devices, "': ", gpus.status().message()));
  }
  choice.devices = {"cpu"};
  choice.warning = absl::StrCat("running on the CPU: ", gpus.status().message());
  return choice;
}

absl::StatusOr<DeviceChoice> ChooseDevices(const std::string& devices) {
  return ChooseDevices(devices, devices == "cpu" ? CudaHost() : ThisHost());
}

StepGraphMaker CudaGraphMaker() {
  return [] {
    static StepGraph* (*const factory)() = [] {
      OpenOwnLibrary();
      return Find<StepGraph*()>("vidmuse_new_cuda_graph");
    }();
    if (factory == nullptr) throw std::runtime_error("libvidmuse_cuda.so is of another version");
    return std::unique_ptr<StepGraph>(factory());
  };
}

StepKernelsMaker CudaKernelsMaker() {
  return [] {
    static gpu::StepKernels* (*const factory)() = [] {
      OpenOwnLibrary();
      return Find<gpu::StepKernels*()>("vidmuse_new_step_kernels");
    }();
    if (factory == nullptr) {
      throw std::runtime_error("libvidmuse_cuda.so was built without CUDA's compiler");
    }
    return std::unique_ptr<gpu::StepKernels>(factory());
  };
}

}  // namespace vidmuse
