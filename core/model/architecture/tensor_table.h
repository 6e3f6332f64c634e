// Names, shapes and configurations of the published files.
#ifndef VIDMUSE_MODEL_ARCHITECTURE_TENSOR_TABLE_H_
#define VIDMUSE_MODEL_ARCHITECTURE_TENSOR_TABLE_H_

#include <string>
#include <vector>

#include "core/model/architecture/model_config.h"
#include "core/model/synthetic/hash_model.h"
#include "core/model/synthetic/hash_values.h"

namespace vidmuse {

std::vector<NamedShape> LmTensors(const HashModelSizes& sizes);
std::vector<NamedShape> CodecTensors(const HashModelSizes& sizes);
// audiocraft's layout of a codec, including the encoder.
std::vector<NamedShape> CodecTensors(const CodecConfig& config);

// Return the text of `xp.cfg`, as OmegaConf writes it.
std::string LmYaml(const HashModelSizes& sizes);
std::string CodecYaml(const HashModelSizes& sizes);

}  // namespace vidmuse

#endif  // VIDMUSE_MODEL_ARCHITECTURE_TENSOR_TABLE_H_
