#include "tests/bench/bench_flags.h"

#include "core/base/flag_type.h"

namespace vidmuse {

FlagTable<BenchFlags> BenchFlagTable() {
  using F = BenchFlags;
  return FlagTable<F>({
      {"scale", &F::scale, TextType(), "tiny, small, medium or large"},
      {"model_dir", &F::model_dir, TextType(),
       "a checkpoint, instead of random weights of a scale"},
      {"precisions", &F::precisions, ListType(),
       "of fp32, bf16, fp16, int8, int4 and fp32_full; all measurements for each"},
      {"quality", &F::quality, BoolType(),
       "compare the precisions' logits with fp32's over --steps steps, instead of times; says "
       "which "
       "precision to take"},
      {"videos", &F::videos, TextType(),
       "of --quality: a folder of videos; empty: a video of random pixels"},
      {"codec", &F::codec, BoolType(),
       "the time of the codec alone, and its distance from fp32, for --requests streams at once"},
      {"model_cost", &F::model_cost, BoolType(),
       "what a GPU has to read and to multiply, and how fast it can be at best, instead of times; "
       "--precisions of fp32, fp16 and bf16"},
      {"requests", &F::requests, ListType(),
       "how many requests a step decodes; one measurement each"},
      {"variants", &F::variants, BoolType(),
       "the requests are variants of one song, which share the condition's keys and values"},
      {"seconds", &F::seconds, NumberType<int>(1, 30), "length of the video; of the window too"},
      {"distinct_frames", &F::distinct_frames, NumberType<int>(0, 60),
       "distinct local frames of the video; 0: all of them"},
      {"steps", &F::steps, NumberType<int>(1, 1 << 20), "decoding steps a measurement"},
      {"rounds", &F::rounds, NumberType<int>(1, 1000), "of --codec: turns of each measurement"},
      {"position", &F::position, NumberType<int>(),
       "sequence steps in the cache before them; -1: half the window"},
      {"device", &F::device, TextType(),
       "cpu; cuda or cuda:0: of a --scale, in --precisions of fp32, fp16 and bf16; device_code: "
       "what a GPU runs, on the CPU"},
      {"slots", &F::slots, ListType(),
       "of a GPU: windows it has room for; all measurements for each"},
      {"graphs", &F::graphs, ListType(), "of a GPU: on, off; all measurements for each"},
      {"kernels", &F::kernels, ListType(),
       "of a GPU: on, off: a step by this project's kernels, or by LibTorch"},
      {"threads", &F::threads, NumberType<int>(0, 1024),
       "threads of a step, and of encoding; 0: one a core"},
  });
}

}  // namespace vidmuse
