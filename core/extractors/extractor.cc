#include "core/extractors/extractor.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/extractors/clap_music.h"
#include "core/extractors/cnn14.h"
#include "core/extractors/imagebind_pictures.h"
#include "core/extractors/imagebind_sound.h"
#include "core/extractors/read_pictures.h"
#include "core/extractors/vggish.h"

namespace vidmuse {

absl::StatusOr<std::unique_ptr<SoundExtractor>> OpenSoundExtractor(SoundNetwork network,
                                                                   const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/", PublishedFile(network));
  switch (network) {
    case SoundNetwork::kVggish:
      return OpenVggish(path);
    case SoundNetwork::kCnn14At16kHz:
      return OpenCnn14(path, Cnn14Kind::k16kHz);
    case SoundNetwork::kCnn14At32kHz:
      return OpenCnn14(path, Cnn14Kind::k32kHz);
    case SoundNetwork::kCnn14DecisionLevelMax:
      return OpenCnn14(path, Cnn14Kind::kDecisionLevelMax);
    case SoundNetwork::kImageBindSound:
      return OpenImageBindSound(path, ImageBindParts::kPublished);
    case SoundNetwork::kImageBindSoundDense:
      return OpenImageBindSound(path, ImageBindParts::kDense);
    case SoundNetwork::kClapMusic:
      return OpenClapMusic(path);
  }
  return absl::InvalidArgumentError("there is no such network");
}

absl::StatusOr<std::unique_ptr<PictureExtractor>> OpenPictureExtractor(PictureNetwork network,
                                                                       const std::string& folder) {
  return OpenImageBindPictures(absl::StrCat(folder, "/", PublishedFile(network)),
                               network == PictureNetwork::kImageBindPicturesDense
                                   ? ImageBindParts::kDense
                                   : ImageBindParts::kPublished,
                               ReadPictures);
}

std::string PublishedFile(SoundNetwork network) {
  switch (network) {
    case SoundNetwork::kVggish:
      return "vggish-10086976.pth";
    case SoundNetwork::kCnn14At16kHz:
      return "Cnn14_16k_mAP=0.438.pth";
    case SoundNetwork::kCnn14At32kHz:
      return "Cnn14_mAP=0.431.pth";
    case SoundNetwork::kCnn14DecisionLevelMax:
      return "Cnn14_DecisionLevelMax_mAP=0.385.pth";
    case SoundNetwork::kClapMusic:
      return "music_audioset_epoch_15_esc_90.14.pt";
    case SoundNetwork::kImageBindSound:
    case SoundNetwork::kImageBindSoundDense:
      return "imagebind_huge.pth";
  }
  return "";
}

std::string PublishedFile(PictureNetwork) { return "imagebind_huge.pth"; }

}  // namespace vidmuse
