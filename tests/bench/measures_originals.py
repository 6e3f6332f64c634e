"""Times the published programs on the features and the sound of vidmuse_measures_bench, on one thread; prints JSON.

    python measures_originals.py ORIGINALS [CLIPS [WINDOWS [COLUMNS [SECONDS]]]]

ORIGINALS is that of tests/data/golden/make/make_measures.py. Set OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1.
"""
import contextlib, io, json, sys, time
from pathlib import Path
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "data/golden/make"))
import librosa, numpy as np, sklearn.metrics, torch
import make_measures, make_rhythm


def main():
    originals = sys.argv[1]
    clips, windows, columns, seconds = [int(a) for a in sys.argv[2:]] + [300, 1, 2048, 30][len(sys.argv) - 2:]
    torch.set_num_threads(1)
    reference = make_measures.features("bench:reference", clips * windows, columns)
    generated = make_measures.features("bench:generated", clips * windows, columns, 1.1, 0.1)
    make_rhythm.TUNES["bench"] = (float(seconds), 0, 110.0, 0.0, 0, make_rhythm.MAJOR)
    tune = make_rhythm.tune("bench")
    calculate_fid, = make_measures.functions(originals, "audioldm_eval", "audioldm_eval/metrics/fid.py",
                                             ["calculate_fid"],
                                             {"torch": torch, "np": np, "scipy": make_measures.Scipy})
    *_, compute_prdc = make_measures.functions(originals, "prdc", "prdc/prdc.py",
                                               ["compute_pairwise_distance", "get_kth_value",
                                                "compute_nearest_neighbour_distances", "compute_prdc"],
                                               {"np": np, "sklearn": sklearn})
    _, kernel_distance = make_measures.functions(originals, "kadtk", "kadtk/kad.py",
                                                 ["median_pairwise_distance", "calc_kernel_audio_distance"],
                                                 {"torch": torch, "np": np, "SCALE_FACTOR": 100, "Path": Path,
                                                  "tuple": tuple})
    x, y = torch.from_numpy(reference), torch.from_numpy(generated)
    librosa.beat.beat_track(y=tune[:22050], sr=22050)  # compiles what it needs
    work = {
        "frechet": lambda: calculate_fid({"2048": x}, {"2048": y}, "2048"),
        "kernel_distance": lambda: kernel_distance(x, y, (None, None), "cpu"),
        "manifolds": lambda: compute_prdc(reference, generated, 5),
        "onsets": lambda: librosa.onset.onset_detect(y=tune, sr=22050),
        "beats": lambda: librosa.beat.beat_track(y=tune, sr=22050),
        "chroma": lambda: librosa.feature.chroma_stft(y=tune, sr=22050, n_fft=8192, hop_length=2048, tuning=0),
    }
    report = {}
    for name, run in work.items():
        begin = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            run()
        report[name] = time.process_time() - begin
    print(json.dumps({"processor_seconds": report}, indent=1))


if __name__ == "__main__":
    main()
