"""Record what the published code of VGGish and PANNs CNN14 makes of sounds with hash weights.

    AUDIOLDM_EVAL=... python make_sounds.py OUT_DIR

The variable names a checkout of audioldm_eval, whose loader and CNN14 are used; VGGish is torchvggish's, without its last ReLU as
audioldm_eval takes it, and Cnn14_DecisionLevelMax is panns_inference's. Only the reader of sound files is replaced, by one that
makes noise of its name. Convolutions are narrower than published, unless the environment has PUBLISHED_SIZES.
"""
import collections, math, os, sys, types
import numpy as np, torch
torch.version.cuda = None  # whatever Torch was built for, torchaudio's Python code is the same
import librosa, torchaudio
import weights
sys.modules.setdefault("matplotlib", types.ModuleType("matplotlib"))
sys.modules.setdefault("matplotlib.pyplot", types.ModuleType("matplotlib.pyplot"))
sys.modules["matplotlib"].pyplot = sys.modules["matplotlib.pyplot"]
sys.path.append(os.environ["AUDIOLDM_EVAL"])
for name in ("audioldm_eval", "audioldm_eval.feature_extractors", "audioldm_eval.datasets", "panns_inference"):
    # Packages whose own __init__ would import much more, or fetch files.
    package = types.ModuleType(name)
    folder = name.replace(".", "/")
    package.__path__ = [os.path.join(path, folder) for path in sys.path if os.path.isdir(os.path.join(path, folder))]
    sys.modules[name] = package
from audioldm_eval.datasets.load_mel import WaveDataset
from audioldm_eval.feature_extractors.panns import models as audioldm_panns
from panns_inference import models as panns
from torchvggish import torchvggish, vggish_input

PUBLISHED = "PUBLISHED_SIZES" in os.environ
CNN14_WIDTHS = [64, 128, 256, 512, 1024, 2048] if PUBLISHED else [4, 8, 8, 16, 16, 32]
VGGISH_WIDTHS = [64, 128, 256, 256, 512, 512] if PUBLISHED else [4, 8, 8, 16, 16, 32]
VGGISH_HIDDEN = 4096 if PUBLISHED else 64
# name: sample rate, channels, samples. The second is longer than what is computed at once, the third shorter than 32,000 samples.
SOUNDS = {"stereo_44100": (44100, 2, 44100 * 5 + 1234), "long_16000": (16000, 1, 16000 * 40 + 77), "short_48000": (48000, 1, 30001),
          "same_32000": (32000, 2, 32000 * 3)}
MADE = {}


def noise(name, channels, samples):
    """[channels, samples] in [-0.5, 0.5), with a slow swell and an offset, so that means and moments matter."""
    if name not in MADE:
        u = torch.from_numpy(weights.uniform(f"sounds:{name}", channels * samples)).reshape(channels, samples)
        swell = torch.arange(samples, dtype=torch.float32) % 20000 / 20000
        MADE[name] = (u - 0.5) * swell + 0.125
    return MADE[name]


def base_and_scale(name, shape):
    last = name.split(".")[-1]
    if last in ("bias", "running_mean"): return 0, 0.05
    if len(shape) == 1: return 1, 0.2
    # Some are larger, so that the sound outweighs the biases.
    gain = 4 if name.endswith("conv1.weight") and int(name[10]) % 2 == 1 or name.startswith("embeddings.0") else 1
    return 0, gain * math.sqrt(3 / int(np.prod(shape[1:])))


def fill(model, seed):
    """Gives the model's learned tensors hash weights. Those of its front end stay."""
    state = model.state_dict()
    for name, tensor in state.items():
        if "extractor" in name or name.endswith("num_batches_tracked"): continue
        state[name] = weights.fill(f"{seed}:{name}", tuple(tensor.shape), *base_and_scale(name, tensor.shape)).half().float()
    model.load_state_dict(state)
    return model.eval()


def narrow(model):
    """Gives a CNN14 the widths of CNN14_WIDTHS."""
    block = type(model.conv_block1)
    for i, width in enumerate(CNN14_WIDTHS):
        setattr(model, f"conv_block{i + 1}", block(CNN14_WIDTHS[i - 1] if i else 1, width))
    model.fc1 = torch.nn.Linear(CNN14_WIDTHS[-1], 2048)
    return fill(model, "cnn14")


def cnn14(rate):
    setting = (dict(window_size=512, hop_size=160, fmin=50, fmax=8000) if rate == 16000 else
               dict(window_size=1024, hop_size=320, fmin=50, fmax=14000))
    # The constructor fetches and loads a file; everything else is as it stands.
    load, exists = torch.nn.Module.load_state_dict, os.path.exists
    torch.nn.Module.load_state_dict = lambda *_, **__: None
    os.path.exists, torch_load, torch.load = lambda _: True, torch.load, lambda *_, **__: {"model": None}
    try:
        model = audioldm_panns.Cnn14(features_list=["2048", "logits"], sample_rate=rate, mel_bins=64, classes_num=527, **setting)
    finally:
        torch.nn.Module.load_state_dict, os.path.exists, torch.load = load, exists, torch_load
    return narrow(model)


def decision_level_max():
    return narrow(panns.Cnn14_DecisionLevelMax(sample_rate=32000, window_size=1024, hop_size=320, mel_bins=64, fmin=50, fmax=14000,
                                               classes_num=527))


def vggish():
    layers, inputs, widths = [], 1, iter(VGGISH_WIDTHS)
    for layer in torchvggish.make_layers():
        if isinstance(layer, torch.nn.Conv2d):
            width = next(widths)
            layer, inputs = torch.nn.Conv2d(inputs, width, kernel_size=3, padding=1), width
        layers.append(layer)
    model = torchvggish.VGG(torch.nn.Sequential(*layers), postprocess=False)
    if not PUBLISHED:
        model.embeddings[0] = torch.nn.Linear(24 * VGGISH_WIDTHS[-1], VGGISH_HIDDEN)
        model.embeddings[2] = torch.nn.Linear(VGGISH_HIDDEN, VGGISH_HIDDEN)
        model.embeddings[4] = torch.nn.Linear(VGGISH_HIDDEN, 128)
    model.embeddings = torch.nn.Sequential(*list(model.embeddings.children())[:-1])
    return fill(model, "vggish")


def load(name, rate):
    """The sound as audioldm_eval's loader gives it, [1, samples]."""
    dataset = WaveDataset.__new__(WaveDataset)
    dataset.sr = rate
    return dataset.read_from_file(name)


def head_and_tail(samples):
    return torch.cat((samples[:500], samples[-500:])).clone()


def main():
    torch.set_num_threads(1)
    torchaudio.load = lambda name: (noise(name, *SOUNDS[name][1:]), SOUNDS[name][0])
    expected = collections.OrderedDict()
    with torch.no_grad():
        at_16k, at_32k, events, vgg = cnn14(16000), cnn14(32000), decision_level_max(), vggish()
        for from_rate, to_rate in ((44100, 32000), (48000, 32000), (22050, 32000), (16000, 32000), (44100, 16000)):
            resampled = librosa.resample(noise("kaiser", 1, 3001)[0].numpy(), orig_sr=from_rate, target_sr=to_rate,
                                         res_type="kaiser_best")
            expected[f"kaiser_{from_rate}_{to_rate}"] = head_and_tail(torch.from_numpy(resampled))
            expected[f"kaiser_{from_rate}_{to_rate}/samples"] = torch.tensor([len(resampled)])
        for name, (rate, channels, samples) in SOUNDS.items():
            examples = vggish_input.waveform_to_examples(load(name, 16000)[0].numpy(), 16000)
            expected[f"{name}/vggish"] = vgg(examples.detach())
            for key, model, model_rate in (("cnn14_16k", at_16k, 16000), ("cnn14_32k", at_32k, 32000)):
                output = model(load(name, model_rate))
                expected[f"{name}/{key}/embedding"] = output["2048"]
                expected[f"{name}/{key}/logits"] = output["logits"]
            mono = librosa.to_mono(noise(name, channels, samples).numpy())
            mono = librosa.resample(mono, orig_sr=rate, target_sr=32000, res_type="kaiser_best")
            framewise = events(torch.from_numpy(mono)[None])["framewise_output"][0]
            print(name, "frames", tuple(framewise.shape))
            expected[f"{name}/events/frames"] = torch.tensor([len(framewise)])
            expected[f"{name}/events/some"] = torch.cat((framewise[:64:32, ::8], framewise[-1:, ::8])).contiguous()
    for key, value in expected.items(): print(key, tuple(value.shape), value.flatten()[:3].tolist())
    os.makedirs(sys.argv[1], exist_ok=True)
    torch.save(expected, os.path.join(sys.argv[1], "expected.pt"))


if __name__ == "__main__": main()
