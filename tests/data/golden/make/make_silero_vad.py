"""Record where PyPI's silero-vad 6.2.3 finds speech in a synthetic voice, by its network for tinygrad, whose weights are the file
silero_vad_16k.safetensors (those of the package's other files differ). With tinygrad 0.14.0, torch 2.15.0 and torchaudio 2.11.0.

    DEV=CPU python make_silero_vad.py OUT_DIR
"""
import collections, os, sys
import numpy as np, torch
torch.version.cuda = None  # whatever Torch was built for, torchaudio's Python code is the same
import torchaudio
from silero_vad.tinygrad_model import TinySileroVAD
from silero_vad.utils_vad import get_speech_timestamps_from_probs
from tinygrad import Tensor
from tinygrad.nn.state import load_state_dict, safe_load

FORMANTS = np.array([(730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410)])  # Hz, of vowels
RATE, FRAME, CONTEXT = 16000, 512, 64
WEIGHTS = os.path.join(os.path.dirname(__file__), "../../silero_vad/silero_vad_16k.safetensors")


def voice(rate, seconds):
    """1.4 s of syllables, then 0.6 s of silence, and so on: harmonics of a falling pitch under three formants."""
    t = np.arange(int(rate * seconds)) / rate
    pitch = 120 - 15 * (t % 1.4) / 1.4
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    formants = FORMANTS[(t // 0.22).astype(int) % len(FORMANTS)]
    sound = np.zeros_like(t)
    for harmonic in range(1, 31):
        gain = sum(peak / (1 + ((harmonic * pitch - formants[:, i]) / width) ** 2)
                   for i, (peak, width) in enumerate([(1, 80), (0.6, 100), (0.3, 150)]))
        sound += gain / harmonic**0.3 * np.sin(harmonic * phase)
    envelope = np.sqrt(np.sin(np.pi * (t % 0.22) / 0.22))
    return torch.from_numpy((0.15 * sound * envelope * (t % 2 < 1.4)).astype(np.float32))


def speech(model, sound):
    """The loop of TinySileroVAD's documentation, over the frames of a sound."""
    padded = np.pad(sound.numpy(), (CONTEXT, -len(sound) % FRAME))
    state, found = None, []
    for first in range(0, len(padded) - CONTEXT, FRAME):
        out, state = model(Tensor(padded[None, first:first + CONTEXT + FRAME].copy()), state)
        state = state.realize()
        found.append(out.item())
    return torch.tensor(found)


def main():
    model = TinySileroVAD()
    load_state_dict(model, safe_load(WEIGHTS), verbose=False)
    # 20 s are more frames than are computed at once.
    stereo = torch.stack([voice(44100, 3), 0.5 * voice(44100, 3)])
    cases = {"long": voice(RATE, 20), "stereo": torchaudio.transforms.Resample(44100, RATE)(stereo.mean(0))}
    expected = collections.OrderedDict()
    for name, sound in cases.items():
        probabilities = expected[f"{name}/probabilities"] = speech(model, sound)
        spans = get_speech_timestamps_from_probs(probabilities.tolist(), sampling_rate=RATE, audio_length_samples=len(sound))
        expected[f"{name}/spans"] = torch.tensor([[span["start"], span["end"]] for span in spans])
        print(name, f"highest {probabilities.max():.3f}", expected[f"{name}/spans"].tolist(), flush=True)
    os.makedirs(sys.argv[1], exist_ok=True)
    torch.save(expected, os.path.join(sys.argv[1], "expected.pt"))


if __name__ == "__main__": main()
