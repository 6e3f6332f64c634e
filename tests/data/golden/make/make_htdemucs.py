"""Record what PyPI's demucs-infer 4.4.0 (torch 2.15.0, CPU, float32) makes of small sounds with an HTDemucs of hash weights.

    python make_htdemucs.py OUT_DIR
    python make_htdemucs.py --published OUT_DIR    # the published sizes: a file of 84 MB and what it makes of 12 s
"""
import collections, os, sys, time, types
from fractions import Fraction
import numpy as np, torch
import demucs_infer.api, demucs_infer.htdemucs
import weights

EVERY = 61  # of this many samples, the first one is recorded
FILE = "955717e8-8726e21a.th"

# The arguments of the published model, whose values are those of demucs' conf/config.yaml but for the last line.
PUBLISHED = dict(
    sources=["drums", "bass", "other", "vocals"], audio_channels=2, samplerate=44100, segment=Fraction(39, 5), channels=48,
    channels_time=None, growth=2, nfft=4096, wiener_iters=0, end_iters=0, wiener_residual=False, cac=True, depth=4, rewrite=True,
    multi_freqs=[], multi_freqs_depth=3, freq_emb=0.2, emb_scale=10, emb_smooth=True, kernel_size=8, stride=4, time_stride=2,
    context=1, context_enc=0, norm_starts=4, norm_groups=4, dconv_depth=2, dconv_comp=8, dconv_init=1e-3, t_layers=5, t_hidden_scale=4.0,
    t_heads=8, t_dropout=0.0, t_layer_scale=True, t_gelu=True, t_emb="sin", t_max_positions=10000, t_max_period=10000.0,
    t_weight_pos_embed=1.0, t_cape_mean_normalize=True, t_cape_augment=True, t_cape_glob_loc_scale=[5000.0, 1.0, 1.4],
    t_sin_random_shift=0, t_norm_in=True, t_norm_in_group=False, t_group_norm=False, t_norm_first=True, t_norm_out=True,
    t_weight_decay=0.0, t_lr=None, t_sparse_self_attn=False, t_sparse_cross_attn=False, t_mask_type="diag", t_mask_random_seed=42,
    t_sparse_attn_window=500, t_global_window=100, t_sparsity=0.95, t_auto_sparsity=False, t_cross_first=False, rescale=0.1,
    dconv_mode=3, bottom_channels=512)
TINY = {**PUBLISHED, "segment": Fraction(39, 50), "channels": 8, "bottom_channels": 32, "t_heads": 4, "t_layers": 3}


def hash_value(name, shape):
    """A float16 tensor of the state dict, by its name."""
    if name.endswith("bias"): base, scale = 0, 0.05
    elif len(shape) == 1: base, scale = 1.0, 0.2  # norms and layer scales
    else: base, scale = 0, np.sqrt(3 / int(np.prod(shape[1:])))
    return weights.fill("tiny:" + name, shape, base, scale).half()


def tune(name, samples, channels, factor=0.5, offset=0.125):
    """16-bit noise that isn't centred, [channels, samples]. Sample i of channel c is the value 2 * i + c of the hash."""
    pcm = np.floor(weights.uniform(name, 2 * samples) * 65536) - 32768
    sound = torch.from_numpy((pcm / 32768).astype(np.float32).reshape(samples, 2).T.copy())
    return (factor * sound + offset)[:channels]


def build(arguments):
    model = demucs_infer.htdemucs.HTDemucs(**arguments).eval()
    state = collections.OrderedDict((name, hash_value(name, list(value.shape))) for name, value in model.state_dict().items())
    model.load_state_dict(state)
    return model, state


def separate(model, sound, rate):
    """The stems by name: Separator.separate_tensor without the random shifts."""
    separator = types.SimpleNamespace(
        _model=model, samplerate=model.samplerate, _samplerate=model.samplerate, _audio_channels=model.audio_channels, _segment=None,
        _shifts=0, _split=True, _overlap=0.25, _device="cpu", _jobs=0, _callback=None, _callback_arg=None, _progress=False)
    if sound.shape[0] == 1: sound = sound.expand(model.audio_channels, -1)
    return demucs_infer.api.Separator.separate_tensor(separator, sound, rate)[1]


def save(path, state, arguments):
    """Writes the published layout, in which the class has the name of the package demucs."""
    package, module = types.ModuleType("demucs"), types.ModuleType("demucs.htdemucs")
    klass = type("HTDemucs", (torch.nn.Module,), {"__module__": "demucs.htdemucs"})
    module.HTDemucs = klass
    sys.modules.update({"demucs": package, "demucs.htdemucs": module})
    torch.save({"klass": klass, "args": (), "kwargs": arguments, "state": state,
                "training_args": {"model": "htdemucs", "optim": {"lr": 3e-4}, "dset": {"sources": arguments["sources"]}}}, path)


def main():
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    out = sys.argv[-1]
    os.makedirs(out, exist_ok=True)
    if sys.argv[1] == "--published":
        model, state = build(PUBLISHED)
        save(os.path.join(out, FILE), state, PUBLISHED)
        cases = {"published": (tune("tiny:htdemucs published", 12 * 44100, 2), 44100)}
    else:
        model, _ = build(TINY)
        save(os.path.join(out, "arguments.th"), {}, PUBLISHED)
        cases = {"long": (tune("tiny:htdemucs long", 100_000, 2), 44100), "mono": (tune("tiny:htdemucs mono", 5_000, 1), 22050)}
    expected = collections.OrderedDict()
    for name, (sound, rate) in cases.items():
        begin = time.time()
        stems = separate(model, sound, rate)
        print(name, f"{sound.shape[1] / rate / (time.time() - begin):.3f} seconds of sound a second, one thread")
        for stem, samples in stems.items():
            print(" ", stem, list(samples.shape), f"rms {samples.square().mean().sqrt():.4f}")
            expected[f"{name}/{stem}"] = samples[:, ::EVERY].clone()
        expected[f"{name}/size"] = torch.tensor([samples.shape[1]])
        expected[f"{name}/rest"] = sum(stems[stem] for stem in stems if stem != "vocals")[:, ::EVERY].clone()
    torch.save(expected, os.path.join(out, "expected.pt"))


if __name__ == "__main__": main()
