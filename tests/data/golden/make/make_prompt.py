"""Record what the published code makes of a tune to begin with: resampling, the codec's tokens, and the songs that follow.

    VIDMUSE_REFERENCE=... python make_prompt.py OUT_DIR VIDEO...
"""
import collections, os, sys, tempfile
import reference
import numpy as np, torch
import make_golden, weights
from audiocraft.data.audio_utils import convert_audio

RATE, CHANNELS, SAMPLES = 44100, 2, 57000
RATES = (8000, 11025, 22050, 48000, 96000)  # the resampler's other cases


def tune(name, samples):
    """16-bit noise, [CHANNELS, samples], as a reader of a WAV file returns it."""
    pcm = np.floor(weights.uniform(name, CHANNELS * samples) * 65536) - 32768
    return torch.from_numpy((pcm / 32768).astype(np.float32).reshape(samples, CHANNELS).T.copy())


def least_gap(codec, wav):
    """The smallest gap between the distances of the two nearest vectors, over all decisions."""
    residual, least = codec.encoder(wav)[0].T, float("inf")
    for layer in codec.quantizer.vq.layers:
        distances = torch.cdist(residual[None], layer.codebook[None])[0] ** 2
        best = distances.topk(2, largest=False)
        least = min(least, (best.values[:, 1] - best.values[:, 0]).min().item())
        residual = residual - layer.codebook[best.indices[:, 0]]
    return least


def main():
    out, videos = sys.argv[1], sys.argv[2:]
    case = make_golden.CASES["tiny"]
    model = make_golden.build(case, tempfile.mkdtemp())
    from demos import VidMuse_app as app
    torch.set_num_threads(2)
    expected = collections.OrderedDict()
    with torch.no_grad():
        for rate in RATES:
            mono = convert_audio(tune(f"tiny:prompt {rate}", rate * 3 // 5)[None], rate, 32000, 1)[0, 0]
            expected[f"resampled_{rate}"] = torch.cat((mono[:1000], mono[-1000:]))
        wav = convert_audio(tune("tiny:prompt", SAMPLES)[None], RATE, 32000, 1)
        expected["samples"] = torch.tensor([wav.shape[-1]])
        expected[f"resampled_{RATE}"] = torch.cat((wav[0, 0, :1000], wav[0, 0, -1000:]))
        codes, scale = model.compression_model.encode(wav)
        assert scale is None
        expected["codes"] = codes[0].to(torch.int16)
        print("codes", codes.shape, "least gap", least_gap(model.compression_model, wav))
        for path in videos:
            name = os.path.splitext(os.path.basename(path))[0]
            seconds = int(app.get_video_duration(path))
            local, glob = app.video_read_global(path, seek_time=0., duration=seconds, target_fps=2)
            model.set_generation_params(use_sampling=False, duration=seconds, cfg_coef=3.0)
            tokens = model._generate_tokens([local[None].clone(), glob[None].clone()], codes, False)
            expected[f"{name}/greedy_tokens"] = tokens[0].to(torch.int16)
            print(name, tokens.shape)
    os.makedirs(out, exist_ok=True)
    torch.save(expected, os.path.join(out, "expected.pt"))


if __name__ == "__main__": main()
