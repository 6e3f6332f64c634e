// What this process may take, told by /proc and /sys of machines that are made up.
#include "core/base/cgroup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "core/base/cpus.h"
#include "core/base/memory.h"

namespace vidmuse {
namespace {

constexpr uint64_t kGiB = 1 << 30;

class FakeMachine : public testing::Test {
 protected:
  FakeMachine() {
    std::string name = testing::TempDir() + "machine-XXXXXX";
    root_ = mkdtemp(name.data());
  }
  ~FakeMachine() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path full = root_ + path;
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full) << text;
  }
  void WriteNumber(const std::string& path, uint64_t number) {
    Write(path, std::to_string(number) + "\n");
  }
  void MachineHas(uint64_t bytes) {
    Write("/proc/meminfo", "MemTotal:       99999999 kB\nMemFree:  1 kB\nMemAvailable:   " +
                               std::to_string(bytes / 1024) + " kB\nBuffers: 2 kB\n");
  }

  std::string root_;
};

using MemoryTest = FakeMachine;

TEST_F(MemoryTest, NothingIsKnown) { EXPECT_EQ(AvailableMemory(root_), 0u); }

TEST_F(MemoryTest, TheMachinesWithoutAGroup) {
  MachineHas(5 * kGiB);
  EXPECT_EQ(AvailableMemory(root_), 5 * kGiB);
}

TEST_F(MemoryTest, FilesInMemoryAreFree) {
  MachineHas(100 * kGiB);
  Write("/proc/self/cgroup", "0::/\n");
  WriteNumber("/sys/fs/cgroup/memory.max", 8 * kGiB);
  WriteNumber("/sys/fs/cgroup/memory.current", 7 * kGiB);
  Write("/sys/fs/cgroup/memory.stat",
        "anon 1\nfile 2\nactive_file 3\ninactive_file " + std::to_string(4 * kGiB) + "\n");
  EXPECT_EQ(AvailableMemory(root_), 5 * kGiB);
  Write("/sys/fs/cgroup/memory.stat", "inactive_file " + std::to_string(9 * kGiB) + "\n");
  EXPECT_EQ(AvailableMemory(root_), 8 * kGiB) << "more than is used";
  Write("/sys/fs/cgroup/memory.stat", "inactive_file 0\n");
  WriteNumber("/sys/fs/cgroup/memory.current", 9 * kGiB);
  EXPECT_EQ(AvailableMemory(root_), 0u);
  Write("/sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(AvailableMemory(root_), 100 * kGiB);
}

TEST_F(MemoryTest, ALimitOnAGroupAboveHolds) {
  MachineHas(100 * kGiB);
  Write("/proc/self/cgroup", "0::/system.slice/vidmuse.service\n");
  const std::string slice = "/sys/fs/cgroup/system.slice";
  Write(slice + "/vidmuse.service/memory.max", "max\n");
  WriteNumber(slice + "/vidmuse.service/memory.current", kGiB);
  WriteNumber(slice + "/memory.max", 4 * kGiB);
  WriteNumber(slice + "/memory.current", 3 * kGiB);
  EXPECT_EQ(AvailableMemory(root_), kGiB);
}

TEST_F(MemoryTest, Version1) {
  MachineHas(100 * kGiB);
  Write("/proc/self/cgroup", "5:cpu,cpuacct:/\n4:memory:/docker/abc\n0::/\n");
  const std::string group = "/sys/fs/cgroup/memory/docker/abc";
  WriteNumber(group + "/memory.limit_in_bytes", 4 * kGiB);
  WriteNumber(group + "/memory.usage_in_bytes", 3 * kGiB);
  Write(group + "/memory.stat",
        "inactive_file 7\ntotal_inactive_file " + std::to_string(kGiB) + "\n");
  EXPECT_EQ(AvailableMemory(root_), 2 * kGiB);
  WriteNumber(group + "/memory.limit_in_bytes", 9223372036854771712u);
  EXPECT_EQ(AvailableMemory(root_), 100 * kGiB);
  WriteNumber("/sys/fs/cgroup/memory/memory.limit_in_bytes", 3 * kGiB);
  WriteNumber("/sys/fs/cgroup/memory/memory.usage_in_bytes", kGiB);
  EXPECT_EQ(AvailableMemory(root_), 2 * kGiB);
}

// A container without a name space of its own: it is told its name on the host, and sees its own
// group's folder as the first one.
TEST_F(MemoryTest, AGroupThatIsMountedAsTheRoot) {
  MachineHas(100 * kGiB);
  Write("/proc/self/cgroup", "4:memory:/docker/abc\n");
  WriteNumber("/sys/fs/cgroup/memory/memory.limit_in_bytes", 2 * kGiB);
  WriteNumber("/sys/fs/cgroup/memory/memory.usage_in_bytes", kGiB);
  EXPECT_EQ(AvailableMemory(root_), kGiB);
}

TEST_F(MemoryTest, ThisMachineHasSome) { EXPECT_GT(AvailableMemory(), 1u << 20); }

using CpusTest = FakeMachine;

TEST_F(CpusTest, TheAffinityMaskWithoutAGroup) {
  EXPECT_EQ(UsableCpus(root_, 64), 64);
  EXPECT_EQ(UsableCpus(root_, 0), 1);
}

TEST_F(CpusTest, TheQuotaRoundedUp) {
  Write("/proc/self/cgroup", "0::/\n");
  Write("/sys/fs/cgroup/cpu.max", "400000 100000\n");
  EXPECT_EQ(UsableCpus(root_, 64), 4);
  EXPECT_EQ(UsableCpus(root_, 2), 2) << "the mask is narrower";
  Write("/sys/fs/cgroup/cpu.max", "150000 100000\n");
  EXPECT_EQ(UsableCpus(root_, 64), 2);
  Write("/sys/fs/cgroup/cpu.max", "1000 100000\n");
  EXPECT_EQ(UsableCpus(root_, 64), 1);
  Write("/sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(UsableCpus(root_, 64), 64);
  Write("/sys/fs/cgroup/cpu.max", "nonsense\n");
  EXPECT_EQ(UsableCpus(root_, 64), 64);
}

TEST_F(CpusTest, AQuotaOfAGroupAboveHolds) {
  Write("/proc/self/cgroup", "0::/kubepods/pod1/server\n");
  Write("/sys/fs/cgroup/kubepods/pod1/cpu.max", "300000 100000\n");
  Write("/sys/fs/cgroup/kubepods/pod1/server/cpu.max", "max 100000\n");
  EXPECT_EQ(UsableCpus(root_, 64), 3);
}

TEST_F(CpusTest, Version1) {
  Write("/proc/self/cgroup", "7:cpu,cpuacct:/docker/abc\n0::/\n");
  const std::string group = "/sys/fs/cgroup/cpu,cpuacct/docker/abc";
  Write(group + "/cpu.cfs_quota_us", "250000\n");
  Write(group + "/cpu.cfs_period_us", "50000\n");
  EXPECT_EQ(UsableCpus(root_, 64), 5);
  Write(group + "/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(UsableCpus(root_, 64), 64);
}

TEST_F(CpusTest, ThisMachineHasSome) {
  EXPECT_GE(UsableCpus(), 1);
  EXPECT_LE(UsableCpus(), static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace
}  // namespace vidmuse
