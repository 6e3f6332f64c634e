"""Record the songs that the published code makes of a long video with strides other than its default.

    VIDMUSE_REFERENCE=... python make_strides.py OUT_DIR VIDEO...
"""
import collections, os, sys, tempfile
import reference
import torch
import make_golden

OVERLAPS = (5.0, 12.0)  # seconds of a window that the next one begins with


class LeastGap:
    """Keeps the smallest gap between the two best logits over all greedy decisions."""

    def __init__(self):
        self.gap, self.argmax = float("inf"), torch.argmax

    def __call__(self, logits, *args, **kwargs):
        best = logits.topk(2, dim=-1).values
        self.gap = min(self.gap, (best[..., 0] - best[..., 1]).min().item())
        return self.argmax(logits, *args, **kwargs)


def main():
    out, videos = sys.argv[1], sys.argv[2:]
    model = make_golden.build(make_golden.CASES["tiny"], tempfile.mkdtemp())
    from demos import VidMuse_app as app
    torch.set_num_threads(2)
    expected = collections.OrderedDict()
    with torch.no_grad():
        for path in videos:
            name = os.path.splitext(os.path.basename(path))[0]
            seconds = int(app.get_video_duration(path))
            local, glob = app.video_read_global(path, seek_time=0., duration=seconds, target_fps=2)
            for overlap in OVERLAPS:
                stride = model.max_duration - overlap
                model.set_generation_params(use_sampling=False, duration=seconds, cfg_coef=3.0, extend_stride=stride)
                torch.argmax = least = LeastGap()
                tokens = model._generate_tokens([local[None].clone(), glob[None].clone()], None, False)
                torch.argmax = least.argmax
                expected[f"{name}/overlap_{overlap:g}"] = tokens[0].to(torch.int16)
                print(name, overlap, tokens.shape, "least gap", least.gap, flush=True)
    os.makedirs(out, exist_ok=True)
    torch.save(expected, os.path.join(out, "expected.pt"))


if __name__ == "__main__": main()
