"""Record what published programs compute of sounds and pictures: onsets, beats, tempo, key, beat scores, cuts.

    python make_rhythm.py ORIGINALS OUT_DIR

ORIGINALS holds clones of github.com/OpenGVLab/LORIS and L-YeZhu/CDCD. librosa, scenedetect and opencv are from PyPI.
"""
import json, os, sys
import librosa, numpy as np
from scenedetect import FrameTimecode
from scenedetect.detectors import ContentDetector
import make_measures, weights

RATE = 22050
LORIS = "b5bef7d9f9f9956f59386af408bf4dc33cfbef62"
CDCD = "667f9c0156e68d6e884a1ad5201ae1928098b02d"
make_measures.COMMITS.update(LORIS=LORIS, CDCD=CDCD)
MAJOR = [0, 4, 7, 5, 9, 12, 7, 11, 14]  # chords of C, F and G
MINOR = [0, 3, 7, 5, 8, 12, 7, 10, 14]
# seconds, of which the last are silent, notes a minute, their jitter in notes, semitones above C, scale
TUNES = {
    "steady": (12.0, 0, 100.0, 0.0, 0, MAJOR),
    "loose": (20.0, 0, 140.0, 0.3, 9, MINOR),
    "ending": (9.5, 4, 90.0, 0.05, 6, MAJOR),
    "sparse": (15.3, 0, 33.0, 0.4, 2, MINOR),
}
KRUMHANSL = {
    "major": [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88],
    "minor": [6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17],
}
NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
PICTURES, HEIGHT, WIDTH = 150, 18, 32
SCENES = [0, 20, 24, 27, 50, 70, 71, 110, 112]  # the first picture of each


def tune(name):
    """Notes of noise and chords that fade: float32 [samples]"""
    seconds, silent, tempo, jitter, key, scale = TUNES[name]
    samples = int(seconds * RATE)
    out = np.zeros(samples)
    notes = int((seconds - silent) * tempo / 60)
    moved = weights.uniform(f"{name}:jitter", notes).astype(np.float64)
    for k in range(notes):
        start = int((k + jitter * moved[k]) * 60 / tempo * RATE)
        i = np.arange(min(samples - start, RATE // 2))
        out[start:start + len(i)] += (0.25 * np.exp(-i / 1500)
                                      * (2 * weights.uniform(f"{name}:{k}", len(i)).astype(np.float64) - 1))
        for degree in range(3):
            hertz = 261.6255653 * 2 ** ((key + scale[3 * (k % 3) + degree]) / 12)
            out[start:start + len(i)] += 0.1 * np.exp(-i / 4000) * np.sin(2 * np.pi * hertz * i / RATE)
    return out.astype(np.float32)


def picture(number):
    """uint8 [HEIGHT, WIDTH, 3], red first: each scene is noise that moves a little."""
    scene = sum(number >= first for first in SCENES) - 1
    size = HEIGHT * WIDTH * 3
    noise = np.floor(weights.uniform(f"scene:{scene}", size) * 240).astype(np.int64)
    return (noise + (3 * number + np.arange(size)) % 9).astype(np.uint8).reshape(HEIGHT, WIDTH, 3)


class Librosa:
    """librosa whose onset_detect takes the sound by position, as older versions do."""
    class onset:
        @staticmethod
        def onset_detect(x, **arguments):
            return librosa.onset.onset_detect(y=x, **arguments)


def find_key(chroma):
    scores = {}
    for mode, profile in KRUMHANSL.items():
        for tonic in range(12):
            scores[f"{NAMES[tonic]} {mode}"] = np.corrcoef(chroma, np.roll(profile, tonic))[0, 1]
    name = max(scores, key=scores.get)
    return name, float(scores[name])


def analyse(samples):
    mean = librosa.onset.onset_strength(y=samples, sr=RATE)
    median = librosa.onset.onset_strength(y=samples, sr=RATE, aggregate=np.median)
    tempo, beats = librosa.beat.beat_track(y=samples, sr=RATE)
    detect = librosa.onset.onset_detect
    chroma = librosa.feature.chroma_stft(y=samples, sr=RATE, n_fft=8192, hop_length=2048, tuning=0).mean(1)
    key, correlation = find_key(chroma)
    return {
        "frames": len(mean), "strength": mean[::16].astype(float).tolist(), "median_strength": median[::16].astype(float).tolist(),
        "onsets": detect(y=samples, sr=RATE).tolist(),
        "loris_onsets": detect(y=samples, sr=RATE, wait=1, delta=0.2, pre_avg=3, post_avg=3, pre_max=3, post_max=3).tolist(),
        "d2m_gan_onsets": detect(y=samples, sr=RATE, wait=1, delta=0.2, pre_avg=1, post_avg=1, post_max=1).tolist(),
        "tempo": float(tempo[0]), "beats": beats.tolist(),
        "chroma": chroma.astype(float).tolist(), "key": key, "key_correlation": correlation,
    }


def beat_scores(originals, project, path, tunes):
    beat_detect, scores = make_measures.functions(originals, project, path, ["beat_detect", "beat_scores"],
                                                  {"librosa": Librosa, "np": np})
    result = {}
    for reference in tunes:
        for generated in tunes:
            marks = [beat_detect(tunes[name], RATE) for name in (reference, generated)]
            shorter = min(map(len, marks))  # which the originals expect to be the generated one's
            result[f"{reference}/{generated}"] = list(map(float, scores(*(m[:shorter] for m in marks))))
    return result


def cuts():
    detector = ContentDetector()
    scores, found = [], []
    for number in range(PICTURES):
        frames = detector.process_frame(FrameTimecode(number, 25.0), np.ascontiguousarray(picture(number)[..., ::-1]))
        scores.append(float(detector._frame_score))
        found.extend(int(frame.frame_num) for frame in frames)
    return {"scores": scores, "cuts": found}


def main():
    originals, out = sys.argv[1], sys.argv[2]
    tunes = {name: tune(name) for name in TUNES}
    expected = {name: analyse(samples) for name, samples in tunes.items()}
    for name, values in expected.items():
        print(name, values["tempo"], len(values["beats"]), len(values["onsets"]), len(values["loris_onsets"]),
              len(values["d2m_gan_onsets"]), values["key"], values["key_correlation"])
    expected["loris"] = beat_scores(originals, "LORIS", "beats_scores.py", tunes)
    expected["d2m_gan"] = beat_scores(originals, "CDCD", "inference/inference_aist.py", tunes)
    expected["cuts"] = cuts()
    print(expected["loris"], expected["d2m_gan"], expected["cuts"]["cuts"])
    os.makedirs(out, exist_ok=True)
    with open(f"{out}/rhythm.json", "w", encoding="utf-8") as file:
        json.dump(expected, file)
        file.write("\n")


if __name__ == "__main__":
    main()
