#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/base/status_macros.h"
#include "core/video/decode_watch.h"
#include "core/video/decoder_process.h"
#include "core/video/decoder_run.h"
#include "core/video/picture_order.h"
#include "core/video/sandbox.h"
#include "core/video/sandbox_protocol.h"

namespace vidmuse {

absl::StatusOr<PictureInfo> VideoSandbox::ReadPictures(const UniqueFd& file,
                                                       const PictureOrder& order,
                                                       const Limits& limits,
                                                       const CancelFlag& cancel,
                                                       TakePicture take) const {
  RETURN_IF_ERROR(CheckPictureOrder(order));
  struct stat info;
  if (fstat(file.get(), &info) != 0) return SystemError(errno, "the video's size");
  Limits granted = Granted(limits, 0);
  granted.max_queued_bytes = 0;  // the decoder holds one picture
  ASSIGN_OR_RETURN(const DecoderBudget::Share share,
                   budget_.Take(granted.max_decoder_bytes, cancel));
  const CoreBudget::Share core = cores_.Take();
  DecodeWatch watch(cancel, ReadTimeLimit(static_cast<uint64_t>(info.st_size), granted));
  RETURN_IF_ERROR(watch.Check());
  ASSIGN_OR_RETURN(const UniqueFd request, MakeRequest(PackPictureOrder(order), granted, 0));
  DecoderProcess::Setup setup;
  setup.role = DecoderRole::kPictures;
  setup.source = file.get();
  ASSIGN_OR_RETURN(DecoderProcess process, DecoderProcess::Start(program_, request, setup));
  DecoderRun run(std::move(process), watch, granted);
  RETURN_IF_ERROR(run.ReadStart().status());
  return run.ReadPictures(order, take);
}

}  // namespace vidmuse
