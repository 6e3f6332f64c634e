#!/usr/bin/env bash
# Trains the demo model of tests/data/demo on clips that vidmuse_train makes itself, on this machine's
# CPU, and measures it on clips that it hasn't seen. Goes on where it was stopped.
#
#   deploy/train_demo.sh             into build/demo_training/model
#   deploy/train_demo.sh MODEL_DIR   into another folder
set -euo pipefail
caller=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=build/release
work=build/demo_training
model=$work/model
if (($#)); then
  case $1 in
    /*) model=$1 ;;
    *) model=$caller/$1 ;;
  esac
fi

deploy/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release --target vidmuse_train
mkdir -p "$work"

common=(--work_dir "$work" --out "$model" --batch 8)
"$build/vidmuse_train" codec "${common[@]}" --clips 600 --seconds 8 --steps 1920 --warmup 50 \
  --learning_rate 2e-3 --free_steps 250 --ema 0.98 --codec_dim 64 --codec_filters 8 --card 256
"$build/vidmuse_train" tokens "${common[@]}" --clips 3000 --seconds 7 --steps 5500 --warmup 60 \
  --learning_rate 3e-3 --ema 0.995 --mixed_precision --card 256 --dim 128 --heads 2 --layers 5 \
  --hidden_scale 2 --clip_width 192 --clip_layers 1 --clip_mlp 192 --temporal_layers 1 \
  --local_frames 2 --global_frames 1 --hidden_history 0.85 --short_clips 0.6 --conditioner_rate 0.03
"$build/vidmuse_train" evaluate --model_dir "$model" --first_clip 1000000 --clips 48 --seconds 7
echo "train_demo: the model is in $model"
