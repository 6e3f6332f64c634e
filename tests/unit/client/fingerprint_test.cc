// A song that moves between servers whose bytes differ.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/client/client_test.h"
#include "tests/unit/client/fake_music_server.h"

namespace vidmuse {
namespace {

using grpc::StatusCode;
using testing::HasSubstr;
using testing::SizeIs;

class FingerprintTest : public ClientTest {
 protected:
  FingerprintTest() {
    song_.fingerprint = "A";
    song_.sampling.set_top_k(50);
    other_ = song_;
    other_.fingerprint = "B";
  }

  // Bytes of `song_` up to where its server broke off, then the other's.
  std::string SplicedAfter(uint64_t frames) const {
    return song_.Audio(0, frames) + other_.Audio(frames, other_.frames);
  }
  FakeMusicServer::Script BreaksAfter40() const {
    return SingChecked(song_, 40, {StatusCode::UNAVAILABLE, "broken"});
  }

  FakeSong other_;
};

TEST_F(FingerprintTest, TheServerWithTheSameOneGoesOn) {
  for (const v1::AudioFormat format : {v1::AUDIO_FORMAT_PCM_S16LE, v1::AUDIO_FORMAT_FLAC}) {
    song_.format = other_.format = format;
    FakeMusicServer first({BreaksAfter40()});
    FakeMusicServer second({SingChecked(other_)});
    FakeMusicServer third({SingChecked(song_)});
    client_options_.max_retries = 1;
    can_restart_ = format == v1::AUDIO_FORMAT_FLAC;
    ASSERT_EQ(Generate({first.address(), second.address(), third.address()}), absl::OkStatus());
    EXPECT_EQ(audio_, song_.AllAudio());
    EXPECT_EQ(second.configs().at(0).resume().fingerprint(), "A");
    EXPECT_EQ(third.configs().at(0).resume().fingerprint(), "A");
    EXPECT_EQ(third.configs().at(0).sampling().top_k(), 50u);
    EXPECT_EQ(restarts_, 0);
    EXPECT_THAT(splices_, SizeIs(0));
  }
}

TEST_F(FingerprintTest, RawSamplesAreSplicedWhereNoServerHasIt) {
  FakeMusicServer first({BreaksAfter40(), Refuse({StatusCode::UNAVAILABLE, "down"})});
  FakeMusicServer second({SingChecked(other_)});
  ASSERT_EQ(Generate({first.address(), second.address()}), absl::OkStatus());
  EXPECT_EQ(audio_, SplicedAfter(38));
  EXPECT_EQ(started_, 1);
  ASSERT_THAT(splices_, SizeIs(1));
  EXPECT_EQ(splices_[0].first_sample, 38 * FakeSong::kSamplesPerFrame);
  EXPECT_EQ(splices_[0].first_frame, 40u);
  EXPECT_EQ(splices_[0].first_fingerprint, "A");
  EXPECT_EQ(splices_[0].second_fingerprint, "B");
}

TEST_F(FingerprintTest, TheSearchIsBoundedBehindOneAddressToo) {
  FakeMusicServer server({BreaksAfter40(), SingChecked(other_)});
  ASSERT_EQ(Generate({server.address()}), absl::OkStatus());
  EXPECT_EQ(audio_, SplicedAfter(38));
  EXPECT_EQ(server.configs().size(), 1u + 8u + 1u);
  EXPECT_THAT(splices_, SizeIs(1));
}

TEST_F(FingerprintTest, WhatCanStartOverStartsOver) {
  for (const v1::AudioFormat format : {v1::AUDIO_FORMAT_PCM_S16LE, v1::AUDIO_FORMAT_FLAC}) {
    song_.format = other_.format = format;
    FakeMusicServer first({BreaksAfter40(), Refuse({StatusCode::UNAVAILABLE, "down"})});
    FakeMusicServer second({SingChecked(other_)});
    can_restart_ = true;
    started_ = restarts_ = 0;
    ASSERT_EQ(Generate({first.address(), second.address()}), absl::OkStatus());
    EXPECT_EQ(audio_, other_.AllAudio());
    EXPECT_EQ(restarts_, 1);
    EXPECT_EQ(started_, 2);
    EXPECT_THAT(splices_, SizeIs(0));
    const v1::GenerateMusicConfig config = second.configs().back();
    EXPECT_FALSE(config.has_resume());
    EXPECT_EQ(config.sampling().seed(), song_.seed);
    EXPECT_EQ(config.sampling().top_k(), 50u);
  }
}

TEST_F(FingerprintTest, PacketsThatCantStartOverFail) {
  song_.format = other_.format = v1::AUDIO_FORMAT_FLAC;
  FakeMusicServer first({BreaksAfter40(), Refuse({StatusCode::UNAVAILABLE, "down"})});
  FakeMusicServer second({SingChecked(other_)});
  const absl::Status status = Generate({first.address(), second.address()});
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("the song has to start over"));
  EXPECT_EQ(finished_, 0);
  EXPECT_EQ(audio_, song_.Audio(0, 38));
}

TEST_F(FingerprintTest, AServerThatDoesntLookAtItIsNoticed) {
  song_.format = v1::AUDIO_FORMAT_FLAC;
  other_.format = v1::AUDIO_FORMAT_FLAC;
  other_.fingerprint = "";
  FakeMusicServer first({BreaksAfter40(), Refuse({StatusCode::UNAVAILABLE, "down"})});
  FakeMusicServer old({Sing(other_)});
  EXPECT_TRUE(absl::IsFailedPrecondition(Generate({first.address(), old.address()})));
  EXPECT_EQ(audio_, song_.Audio(0, 38));
}

TEST_F(FingerprintTest, ServersWithoutOneGoOnWithRawSamplesAndStartOverElse) {
  song_.fingerprint = "";
  FakeMusicServer raw({BreaksAfter40(), SingChecked(song_)});
  can_restart_ = true;
  ASSERT_EQ(Generate({raw.address()}), absl::OkStatus());
  EXPECT_EQ(audio_, song_.AllAudio());
  EXPECT_EQ(restarts_, 0);
  EXPECT_EQ(raw.configs().at(1).resume().received_bytes(), song_.Audio(0, 38).size());

  song_.format = v1::AUDIO_FORMAT_MP3;
  FakeMusicServer packets({BreaksAfter40(), SingChecked(song_)});
  ASSERT_EQ(Generate({packets.address()}), absl::OkStatus());
  EXPECT_EQ(audio_, song_.AllAudio());
  EXPECT_EQ(restarts_, 1);
  EXPECT_FALSE(packets.configs().at(1).has_resume());

  can_restart_ = false;
  FakeMusicServer again({BreaksAfter40(), SingChecked(song_)});
  EXPECT_TRUE(absl::IsFailedPrecondition(Generate({again.address()})));
}

TEST_F(FingerprintTest, ANewSongTakesAnyServer) {
  FakeMusicServer first({[&](FakeMusicServer::Call& call) {
    ReadVideo(call);
    call.stream->Write(song_.Started());
    return grpc::Status(StatusCode::UNAVAILABLE, "broken");
  }});
  FakeMusicServer second({SingChecked(other_)});
  ASSERT_EQ(Generate({first.address(), second.address()}), absl::OkStatus());
  EXPECT_EQ(audio_, other_.AllAudio());
  EXPECT_THAT(splices_, SizeIs(0));
}

TEST_F(FingerprintTest, TheCallersOwnIsKept) {
  options_.config.mutable_resume()->set_tokens(song_.Tokens(0, 30));
  options_.config.mutable_resume()->set_fingerprint("A");
  can_restart_ = true;
  FakeMusicServer second({SingChecked(other_)});
  EXPECT_TRUE(absl::IsFailedPrecondition(Generate({second.address()})));
  EXPECT_EQ(started_, 0);
  FakeMusicServer first({SingChecked(song_)});
  ASSERT_EQ(Generate({second.address(), first.address()}), absl::OkStatus());
  EXPECT_EQ(audio_, song_.AllAudio());
}

}  // namespace
}  // namespace vidmuse
