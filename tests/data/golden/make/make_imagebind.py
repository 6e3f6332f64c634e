"""Record what ImageBind's own code (facebookresearch/ImageBind) makes of sounds and videos with hash weights.

    IMAGEBIND=... PYTORCHVIDEO=... python make_imagebind.py OUT_DIR VIDEO...

The two variables name checkouts. Loading, front ends, towers and heads are the original's; only a reader of sound files is
replaced, by one that makes noise of its name.
"""
import collections, math, os, sys, types
import torch
torch.version.cuda = None  # whatever Torch was built for, torchaudio's Python code is the same
import torchaudio.compliance.kaldi, torchvision.transforms.functional
import numpy as np
import weights
sys.modules["torchvision.transforms.functional_tensor"] = torchvision.transforms.functional  # its old name
sys.path += [os.environ["IMAGEBIND"], os.environ["PYTORCHVIDEO"]]
from imagebind import data
from imagebind.models.imagebind_model import ImageBindModel

SIZES = dict(vision_embed_dim=32, vision_num_blocks=2, vision_num_heads=16, audio_embed_dim=48, audio_num_blocks=2,
             audio_num_heads=12, out_embed_dim=24, text_embed_dim=8, text_num_blocks=1, text_num_heads=2,
             depth_embed_dim=8, depth_num_blocks=1, depth_num_heads=2, thermal_embed_dim=8, thermal_num_blocks=1,
             thermal_num_heads=2, imu_embed_dim=8, imu_num_blocks=1, imu_num_heads=2)
# name: sample rate, channels, samples. Clips of the second overlap, and the third is shorter than one.
SOUNDS = {"stereo_44100": (44100, 2, 44100 * 7 + 1234), "mono_48000": (48000, 1, 48000 * 3 + 5),
          "short_16000": (16000, 1, 17777), "third_22050": (22050, 1, 22050 * 11)}


def noise(name, channels, samples):
    """[channels, samples] in [-0.5, 0.5), with a slow swell and an offset, so that means matter."""
    u = torch.from_numpy(weights.uniform(f"imagebind:{name}", channels * samples)).reshape(channels, samples)
    swell = torch.arange(samples, dtype=torch.float32) % 4000 / 4000
    return (u - 0.5) * swell + 0.125


def base_and_scale(name, shape):
    last = name.split(".")[-1]
    if last in ("cls_token", "pos_embed", "bias_k", "bias_v"): return 0, 0.5
    if last.endswith("bias"): return 0, 0.05
    if len(shape) == 1: return 1, 0.2
    return 0, math.sqrt(3 / int(np.prod(shape[1:])))


def model():
    torch.manual_seed(0)
    model = ImageBindModel(**SIZES).eval()
    state = model.state_dict()
    for name, tensor in state.items():
        modality = name.split(".")[1]
        if modality not in ("vision", "audio") or "log_logit_scale" in name: continue
        value = weights.fill(f"imagebind:{name}", tuple(tensor.shape), *base_and_scale(name, tensor.shape))
        state[name] = value.half().float()
    model.load_state_dict(state)
    return model


def main():
    out, videos = sys.argv[1], sys.argv[2:]
    torch.set_num_threads(1)
    data.torchaudio.load = lambda name: (noise(name, *SOUNDS[name][1:]), SOUNDS[name][0])
    expected = collections.OrderedDict()
    with torch.no_grad():
        wave = noise("fbank", 1, 16000)
        expected["fbank"] = torchaudio.compliance.kaldi.fbank(
            wave, htk_compat=True, sample_frequency=16000, use_energy=False, window_type="hanning", num_mel_bins=128,
            dither=0.0, frame_length=25, frame_shift=10)[:30].clone()
        for rate_in, rate_out in ((44100, 16000), (48000, 16000), (22050, 16000), (8000, 16000), (44100, 32000)):
            resampled = torchaudio.functional.resample(noise("resample", 1, 3001), rate_in, rate_out)[0]
            expected[f"resampled_{rate_in}_{rate_out}"] = torch.cat((resampled[:500], resampled[-500:])).clone()
            expected[f"resampled_{rate_in}_{rate_out}/samples"] = torch.tensor([len(resampled)])
        imagebind = model()
        for name in SOUNDS:
            clips = data.load_and_transform_audio_data([name], "cpu")
            expected[f"{name}/clips_mean"] = clips[0].mean(dim=(1, 2))
            expected[f"{name}/embedding"] = imagebind({"audio": clips})["audio"]
        for path in videos:
            name = os.path.splitext(os.path.basename(path))[0]
            views = data.load_and_transform_video_data([path], "cpu")
            print(name, tuple(views.shape))
            expected[f"{name}/views_mean"] = views[0].mean(dim=(2, 3, 4))
            expected[f"{name}/pixels"] = views[0, :, :, :, 100, 50].clone()
            expected[f"{name}/embedding"] = imagebind({"vision": views})["vision"]
    for key, value in expected.items(): print(key, tuple(value.shape), value.flatten()[:3].tolist())
    os.makedirs(out, exist_ok=True)
    torch.save(expected, os.path.join(out, "expected.pt"))


if __name__ == "__main__": main()
