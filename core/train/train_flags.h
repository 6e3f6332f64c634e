// The flags of vidmuse_train.
#ifndef VIDMUSE_TRAIN_TRAIN_FLAGS_H_
#define VIDMUSE_TRAIN_TRAIN_FLAGS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/flag_table.h"
#include "core/model/synthetic/hash_model.h"
#include "core/train/train_tokens.h"
#include "core/train/training_run.h"

namespace vidmuse::train {

// Sizes of new models, small enough to be trained on a CPU.
HashModelSizes SmallSizes();

struct TrainFlags {
  std::string out;        // directory of the trained model
  std::string init;       // directory of a model to go on from; empty: a new one
  std::string codec_dir;  // empty: encodec_32khz in the model's directory
  std::string model_dir;  // of the model to evaluate
  std::string device = "cpu";
  int threads = 1;
  TrainingOptions training;     // of both models
  TokenTrainingOptions tokens;  // the codec's training has the same batch and seed
  int64_t free_steps = 200;     // of a new codec, before its codebooks begin
  double conditioner_rate = 0.05;
  HashModelSizes sizes = SmallSizes();  // of new models

  std::string manifest;  // empty: synthetic clips
  int64_t clips = 1000;
  uint64_t first_clip = 0;
  int seconds = 8;

  std::optional<float> cfg_coef;  // none: the model's own
  float temperature = 1;
  int top_k = 250;
};

const FlagTable<TrainFlags>& TrainFlagTable();

}  // namespace vidmuse::train

#endif  // VIDMUSE_TRAIN_TRAIN_FLAGS_H_
