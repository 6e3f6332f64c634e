// The tensors and the configurations of a hash model.
#ifndef VIDMUSE_MODEL_SYNTHETIC_LAYOUT_H_
#define VIDMUSE_MODEL_SYNTHETIC_LAYOUT_H_

#include <string>
#include <vector>

#include "core/model/architecture/tensors.h"
#include "core/model/synthetic/hash_model.h"

namespace vidmuse {

std::vector<NamedShape> LmTensors(const HashModelSizes& sizes);
std::vector<NamedShape> CodecTensors(const HashModelSizes& sizes);

// Return the text of `xp.cfg`, as OmegaConf writes it.
std::string LmYaml(const HashModelSizes& sizes);
std::string CodecYaml(const HashModelSizes& sizes);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_SYNTHETIC_LAYOUT_H_
