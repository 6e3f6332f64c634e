#include "core/video/decoder_run.h"

#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/video/sandbox_protocol.h"
#include "vidmuse/status_details.h"

namespace vidmuse {
namespace {

absl::Status Refusal(const AnswerReader::Answer& answer) {
  absl::Status status = absl::InvalidArgumentError(answer.message);
  const uint32_t limit = answer.header.limit;
  if (limit < 1 || limit > std::size(kAnswerLimits)) return status;
  return AboutLimit(std::move(status), kAnswerLimits[limit - 1], answer.header.value);
}

// Returns how a program ended: "signal 11", "exit code 1".
std::string Ending(int wait_status) {
  return WIFSIGNALED(wait_status) ? absl::StrCat("signal ", WTERMSIG(wait_status))
                                  : absl::StrCat("exit code ", WEXITSTATUS(wait_status));
}

// SIGKILL comes from the kernel when memory runs out, or from an operator, not from the file.
absl::Status Killed(absl::string_view subject) {
  return WithRetryAfter(absl::ResourceExhaustedError(absl::StrCat(
                            "the decoder of ", subject, " was killed (signal 9): memory is short")),
                        kShortageRetryAfter);
}

bool WasKilled(int wait_status) {
  return WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGKILL;
}

// For a program that ended before it looked at the video.
absl::Status NotStarted(std::optional<int> wait_status) {
  if (!wait_status)
    return absl::InternalError("the video decoder could not start: it said nothing");
  const std::string message =
      absl::StrCat("the video decoder could not start (", Ending(*wait_status), ")");
  if (!WIFSIGNALED(*wait_status)) return absl::InternalError(message);
  return WithRetryAfter(absl::ResourceExhaustedError(message), kShortageRetryAfter);
}

// For a program that ended, or had to be ended, while it looked at the file.
absl::Status Crashed(std::optional<int> wait_status, const Limits& limits,
                     absl::string_view subject) {
  if (!wait_status) {
    return absl::InvalidArgumentError(
        absl::StrCat(subject, " crashed its decoder (it stopped answering)"));
  }
  const int status = *wait_status;
  if (WasKilled(status)) return Killed(subject);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kExitOutOfMemory) {
    return absl::InvalidArgumentError(
        absl::StrCat(subject, " needs more memory to decode than the limit max_decoder_bytes of ",
                     limits.max_decoder_bytes));
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) {
    return absl::InvalidArgumentError(
        absl::StrCat(subject, " made its decoder do what it must not (", Ending(status), ")"));
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
    return absl::InvalidArgumentError(
        absl::StrCat(subject, " takes more processor time to decode than it may"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(subject, " crashed its decoder (", Ending(status), ")"));
}

}  // namespace

DecoderRun::DecoderRun(DecoderProcess process, DecodeWatch& watch, const Limits& limits)
    : process_(std::move(process)),
      watch_(watch),
      reader_(process_.answer(), watch),
      limits_(limits) {
  process_.EndOn(watch.cancel_token());
}

absl::StatusOr<std::string> DecoderRun::ReadStart() {
  absl::StatusOr<AnswerReader::Answer> answer = reader_.ReadAnswer();
  if (absl::IsDataLoss(answer.status())) return NotStarted(process_.TakeEnding());
  if (!answer.ok()) return answer.status();
  switch (answer->header.kind) {
    case AnswerKind::kConfined:
      return std::string();
    case AnswerKind::kUnfiltered:
      return answer->message;
    case AnswerKind::kNotStarted:
      return absl::InternalError(
          absl::StrCat("the video decoder could not start: ", answer->message));
    default:
      return absl::InternalError("the video decoder is not this server's");
  }
}

absl::StatusOr<AnswerReader::Answer> DecoderRun::ReadFirstAnswer() {
  ASSIGN_OR_RETURN(AnswerReader::Answer answer, reader_.ReadAnswer());
  if (answer.header.kind == AnswerKind::kBegun) {
    ASSIGN_OR_RETURN(answer, reader_.ReadAnswer());
  }
  if (answer.header.kind == AnswerKind::kTimeLimit) {
    const auto limit = absl::Seconds(std::max(answer.header.seconds, 0));
    watch_.SetTimeLimit(std::min(limit, DecodeTimeLimit(limits_)));
    ASSIGN_OR_RETURN(answer, reader_.ReadAnswer());
  }
  return answer;
}

absl::StatusOr<DecoderRun::Result> DecoderRun::ReadFramesOrRefusal(const FramePart& part,
                                                                   int max_seconds) {
  ASSIGN_OR_RETURN(const AnswerReader::Answer answer, ReadFirstAnswer());
  switch (answer.header.kind) {
    case AnswerKind::kFrames:
      return reader_.ReadFrames(answer.header, part, max_seconds);
    case AnswerKind::kSplit:
      return reader_.ReadSplit(answer.header, part, max_seconds);
    case AnswerKind::kSound:
      return reader_.ReadSound(answer.header);
    case AnswerKind::kRefused:
      return Refusal(answer);
    default:
      return absl::UnknownError("an answer out of order");
  }
}

absl::StatusOr<WholeSound> DecoderRun::ReadSoundOrRefusal(const SoundLimits& limits) {
  WholeSound sound;
  ASSIGN_OR_RETURN(AnswerReader::Answer answer, ReadFirstAnswer());
  while (answer.header.kind == AnswerKind::kSoundPart) {
    RETURN_IF_ERROR(reader_.ReadSoundPart(answer.header, limits, &sound));
    ASSIGN_OR_RETURN(answer, reader_.ReadAnswer());
  }
  if (answer.header.kind == AnswerKind::kRefused) return Refusal(answer);
  if (answer.header.kind != AnswerKind::kSoundEnd) {
    return absl::UnknownError("an answer out of order");
  }
  if (sound.channels.empty() || sound.channels[0].empty()) return limits.Refuse("has no samples");
  return sound;
}

absl::StatusOr<PictureInfo> DecoderRun::ReadPicturesOrRefusal(const PictureOrder& order,
                                                              TakePicture take) {
  ASSIGN_OR_RETURN(AnswerReader::Answer answer, ReadFirstAnswer());
  if (answer.header.kind == AnswerKind::kRefused) return Refusal(answer);
  if (answer.header.kind != AnswerKind::kPictureInfo) {
    return absl::UnknownError("an answer out of order");
  }
  ASSIGN_OR_RETURN(const PictureInfo info, reader_.ReadPictureInfo(limits_));
  ASSIGN_OR_RETURN(answer, reader_.ReadAnswer());
  size_t place = 0;
  for (; answer.header.kind == AnswerKind::kPicture; ++place) {
    ASSIGN_OR_RETURN(Picture picture, reader_.ReadPicture(order, place, limits_));
    RETURN_IF_ERROR(take(std::move(picture)));
    ASSIGN_OR_RETURN(answer, reader_.ReadAnswer());
  }
  if (answer.header.kind == AnswerKind::kRefused) return Refusal(answer);
  if (answer.header.kind != AnswerKind::kPicturesEnd || place != order.at.size()) {
    return absl::UnknownError("an answer out of order");
  }
  return info;
}

absl::Status DecoderRun::Explain(const absl::Status& status) {
  if (absl::IsDataLoss(status)) {
    return Crashed(process_.TakeEnding(), limits_, watch_.subject());
  }
  if (absl::IsUnknown(status)) {
    return absl::InvalidArgumentError(absl::StrCat(
        watch_.subject(), " crashed its decoder (its result is ", status.message(), ")"));
  }
  if (status.ok()) process_.End();
  return status;
}

absl::StatusOr<DecoderRun::Result> DecoderRun::ReadResult(const FramePart& part, int max_seconds) {
  absl::StatusOr<Result> result = ReadFramesOrRefusal(part, max_seconds);
  RETURN_IF_ERROR(Explain(result.status()));
  return result;
}

absl::StatusOr<WholeSound> DecoderRun::ReadWholeSound(const SoundLimits& limits) {
  absl::StatusOr<WholeSound> sound = ReadSoundOrRefusal(limits);
  RETURN_IF_ERROR(Explain(sound.status()));
  return sound;
}

absl::StatusOr<PictureInfo> DecoderRun::ReadPictures(const PictureOrder& order, TakePicture take) {
  absl::Status taken;
  absl::StatusOr<PictureInfo> info = ReadPicturesOrRefusal(order, [&](Picture picture) {
    taken = take(std::move(picture));
    return taken;
  });
  RETURN_IF_ERROR(taken);
  RETURN_IF_ERROR(Explain(info.status()));
  return info;
}

absl::StatusOr<AnswerHeader> DecoderRun::ReadGroupAnswer() {
  ASSIGN_OR_RETURN(const AnswerReader::Answer answer, reader_.ReadAnswer());
  return answer.header;
}

}  // namespace vidmuse
