"""Does the work of vidmuse_extractors_bench with the published code, on its files, and compares the features.

    AUDIOLDM_EVAL=... python extractors_original.py FOLDER

FOLDER is the bench's --folder, and the variable names a checkout of audioldm_eval. Needs torch, torchaudio, librosa, resampy, soundfile,
torchvggish, torchlibrosa and panns-inference. Prints one JSON object.
"""

import json
import os
import pathlib
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).parent.parent
sys.path.append(str(ROOT / "data/golden/make"))
os.environ["PUBLISHED_SIZES"] = "1"
import librosa
import make_sounds as published
import soundfile
import torch
import torchaudio

FILES = {
    "vggish": "vggish-10086976.pth",
    "cnn14_16k": "Cnn14_16k_mAP=0.438.pth",
    "cnn14_32k": "Cnn14_mAP=0.431.pth",
    "cnn14_decision_level_max": "Cnn14_DecisionLevelMax_mAP=0.385.pth",
}


def read(path: str) -> tuple[torch.Tensor, int]:
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return torch.from_numpy(samples.T.copy()), rate


def open_network(name: str, folder: pathlib.Path) -> torch.nn.Module:
    saved = torch.load(folder / FILES[name])
    if name == "vggish":
        model = published.vggish()
        model.load_state_dict(saved)
        return model
    model = published.decision_level_max() if name == "cnn14_decision_level_max" else published.cnn14(16000 if name == "cnn14_16k" else 32000)
    model.load_state_dict(saved["model"])
    return model


def extract(name: str, model: torch.nn.Module, clip: str) -> torch.Tensor:
    if name == "vggish":
        samples = published.load(clip, 16000)[0].numpy()
        return model(published.vggish_input.waveform_to_examples(samples, 16000).detach())
    if name == "cnn14_decision_level_max":
        samples, _ = librosa.load(clip, sr=32000, mono=True, res_type="kaiser_best")
        return model(torch.from_numpy(samples)[None])["framewise_output"][0]
    return model(published.load(clip, 16000 if name == "cnn14_16k" else 32000))["2048"]


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    torchaudio.load = read
    features = torch.load(folder / "features.pt")
    clips = sorted(str(path) for path in folder.glob("clip_*.wav"))
    result = {"threads": torch.get_num_threads(), "networks": []}
    with torch.no_grad():
        for name, ours in features.items():
            model = open_network(name, folder)
            times, work = [], []
            for clip in clips:
                start, started = time.perf_counter(), time.process_time()
                theirs = extract(name, model, clip)
                times.append(time.perf_counter() - start)
                work.append(time.process_time() - started)
                if clip == clips[0]:
                    ours = torch.sigmoid(ours) if name == "cnn14_decision_level_max" else ours
                    error = ((ours - theirs).square().mean() / theirs.square().mean()).sqrt().item()
            seconds = soundfile.info(clips[0]).duration
            result["networks"].append(
                {
                    "name": name,
                    "relative_error": error,
                    "median_processor_seconds": statistics.median(work),
                    "seconds_of_sound_a_second": seconds / statistics.median(times),
                    "minutes_for_300_clips": 300 * statistics.median(times) / 60,
                }
            )
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
