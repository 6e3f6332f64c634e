#include "core/base/loopback.h"

#include <gtest/gtest.h>

namespace vidmuse {
namespace {

TEST(Loopback, AddressesThatNobodyElseReaches) {
  for (const char* address : {"127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1", "127.0.0.1",
                              "LocalHost", "::1", "[::1]"}) {
    EXPECT_TRUE(IsLoopback(address)) << address;
  }
}

TEST(Loopback, AllOthers) {
  for (const char* address :
       {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "host:1", "localhost.x:1", "127.example.com:1", ":1",
        "", "[::1", "[127.0.0.1.x]:1", "1.127.0.0:1"}) {
    EXPECT_FALSE(IsLoopback(address)) << address;
  }
}

}  // namespace
}  // namespace vidmuse
