"""Record what LAION-CLAP's own code (PyPI laion-clap) makes of sounds with hash weights.

    CLAP=the folder with laion_clap/ python make_clap.py OUT_DIR

Loading, resampling, windows, front end, Swin blocks and projection are the original's; only a reader of sound files is replaced,
by one that makes noise of its name, and modules that the sound's way doesn't use are empty stand-ins.
"""
import collections, math, os, sys
from unittest import mock
import torch
torch.version.cuda = None  # whatever Torch was built for, torchaudio's Python code is the same
import librosa, timm, torchaudio, torchvision  # noqa: F401 before the stand-ins
import numpy as np
import weights
for name in ("transformers", "transformers.tokenization_utils_base", "webdataset", "wget", "braceexpand", "pandas", "h5py", "wandb",
             "sklearn", "sklearn.metrics", "ftfy", "regex"):
    sys.modules[name] = mock.MagicMock()
sys.modules["transformers"].__version__ = "4.0.0"
sys.path += [os.environ["CLAP"], os.path.join(os.environ["CLAP"], "laion_clap")]
from laion_clap.hook import CLAP_Module
from clap_module.htsat import HTSAT_Swin_Transformer
from clap_module.model import CLAP, CLAPAudioCfp

AUDIO = dict(audio_length=1024, clip_samples=480000, mel_bins=64, sample_rate=48000, window_size=1024, hop_size=480, fmin=50,
             fmax=14000, class_num=8, model_type="HTSAT", model_name="tiny")
TEXT = dict(context_length=4, vocab_size=8, width=8, heads=2, layers=1, model_type="transformer")
JOINT = 16
# name: sample rate, channels, samples. None is longer than the original's 10 s, of which it takes a random part.
SOUNDS = {"stereo_44100": (44100, 2, 44100 * 3 + 1234), "mono_48000": (48000, 1, 480000), "mono_32000": (32000, 1, 32000 * 6 + 77)}


def noise(name, channels, samples):
    """[channels, samples] in about [-1.2, 1.2), with a slow swell, so that some samples clip."""
    u = weights.uniform(f"clap:{name}", channels * samples).reshape(channels, samples)
    swell = np.arange(samples, dtype=np.float32) % 9000 / np.float32(9000)
    return ((u - np.float32(0.5)) * swell * np.float32(2.4)).astype(np.float32)


def base_and_scale(name, shape):
    last = name.split(".")[-1]
    if last == "melW": return 0.01, 0.01
    if last == "relative_position_bias_table": return 0, 0.5
    if last in ("bias", "running_mean"): return 0, 0.05
    if len(shape) == 1: return 1, 0.2
    return 0, math.sqrt(3 / int(np.prod(shape[1:])))


def skipped(name):
    """What isn't hashed: constants, counters, and what doesn't matter for the embedding."""
    return any(part in name for part in ("stft.conv", "relative_position_index", "attn_mask", "num_batches_tracked", "text",
                                         "logit_scale", "positional", "token_embedding", "ln_final"))


def module():
    torch.manual_seed(0)
    model = CLAP(embed_dim=64, audio_cfg=AUDIO, text_cfg=TEXT, joint_embed_shape=JOINT)
    model.audio_branch = HTSAT_Swin_Transformer(num_classes=8, embed_dim=8, depths=[2, 2, 3, 2], num_heads=[2, 2, 4, 4],
                                                config=CLAPAudioCfp(**AUDIO))
    model.eval()
    state = model.state_dict()
    for name, tensor in state.items():
        if skipped(name): continue
        value = weights.fill(f"clap:module.{name}", tuple(tensor.shape), *base_and_scale(name, tensor.shape))
        state[name] = value.half().float()
    model.load_state_dict(state)
    clap = CLAP_Module.__new__(CLAP_Module)
    torch.nn.Module.__init__(clap)
    clap.enable_fusion, clap.model, clap.model_cfg = False, model, {"audio_cfg": AUDIO}
    return clap


def load(name, sr):
    """What librosa.load does after it has read the file."""
    rate, channels, samples = SOUNDS[name]
    mono = librosa.to_mono(noise(name, channels, samples))
    return librosa.resample(mono, orig_sr=rate, target_sr=sr, res_type="soxr_hq"), sr


def main():
    torch.set_num_threads(1)
    clap = module()
    shapes = {name: list(tensor.shape) for name, tensor in clap.model.state_dict().items()}
    print({name: shape for name, shape in shapes.items() if "audio" in name and "layers" not in name})
    print([name for name in shapes if "layers.1" in name])
    expected = collections.OrderedDict()
    with torch.no_grad(), mock.patch.object(librosa, "load", load):
        for name in SOUNDS:
            wave = load(name, 48000)[0]
            expected[f"{name}/samples"] = torch.tensor([len(wave)])
            expected[f"{name}/resampled"] = torch.from_numpy(np.concatenate((wave[:400], wave[-400:])))
            expected[f"{name}/embedding"] = clap.get_audio_embedding_from_filelist([name], use_tensor=True)
    for key, value in expected.items(): print(key, tuple(value.shape), value.flatten()[:4].tolist())
    os.makedirs(sys.argv[1], exist_ok=True)
    torch.save(expected, os.path.join(sys.argv[1], "expected.pt"))


if __name__ == "__main__": main()
