"""Small checkpoint files as torch 2.11 and safetensors write them, for the tests of the readers.

    python make_checkpoints.py OUT_DIR
"""
import collections, os, sys
import numpy, torch
from safetensors.torch import save_file

out = sys.argv[1]


def save(value, name, **options):
    torch.save(value, os.path.join(out, name), **options)


types = dict(float32=torch.float32, float16=torch.float16, bfloat16=torch.bfloat16, float64=torch.float64, int64=torch.int64,
             int32=torch.int32, int16=torch.int16, int8=torch.int8, uint8=torch.uint8, bool=torch.bool)
base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
for parameter in module.parameters(): torch.nn.init.ones_(parameter)
save({"types": {name: torch.arange(3).to(dtype) for name, dtype in types.items()},
      "views": {"whole": base, "slice": base[1], "transposed": base.permute(2, 0, 1), "column": base[:, :, 1], "one": base[1, 2, 3],
                "none": base[:0], "unit": torch.ones(1, 1).t()},
      "parameter": torch.nn.Parameter(torch.ones(2)),
      "module": module.state_dict(),
      "xp.cfg": "dim: 4\n", "exported": True, "nothing": None, "step": 7, "long": 1 << 40, "negative": -5, "rate": 0.5,
      "list": [1, "a", base], "tuple": (1, 2), "by_number": {1: "one"}, "unicode": "h\u00e9"}, "features.pt")
save(collections.OrderedDict(weight=base, bias=torch.zeros(4)), "flat.pt")
save({"weight": base}, "legacy.pt", _use_new_zipfile_serialization=False)
save({"weight": base, "run": os.system}, "executes.pt")
save({"weight": numpy.ones(2)}, "numpy.pt")
save({"weight": torch.ones(1).expand(1000, 1000)}, "expanded.pt")
save([base], "list.pt")
save_file({"weight": base, "half": torch.ones(5).half(), "scalar": torch.tensor(3), "empty": torch.zeros(0, 4)},
          os.path.join(out, "flat.safetensors"), metadata={"format": "pt"})


def save_other_values():
    """Saves what published checkpoints hold besides tensors: settings, classes, numpy's numbers, an optimizer, a whole module."""
    import argparse, fractions
    linear = torch.nn.Linear(3, 2)
    for parameter in linear.parameters(): torch.nn.init.ones_(parameter)
    optimizer = torch.optim.Adam(linear.parameters(), lr=0.5)
    linear(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    recursive = argparse.Namespace(rate=fractions.Fraction(1, 3))
    recursive.itself = recursive
    values = {"model": {"weight": base, "slice": base[1]}, "arguments": recursive, "best": numpy.float64(0.5), "array": numpy.ones(2),
              "class": torch.nn.Linear, "module": linear, "optimizer": optimizer.state_dict(), "device": torch.device("cpu"),
              "dtype": torch.float32, "complex": torch.ones(2, dtype=torch.complex64), "counts": collections.defaultdict(int, a=1),
              "seed": 1 << 100, "names": {"a"}, "run": os.system, "epoch": 15}
    save(values, "others.pt")
    # A storage whose type isn't known can't be skipped in the legacy format.
    del values["complex"]
    save(values, "legacy_others.pt", _use_new_zipfile_serialization=False)


save({"types": {name: torch.arange(3).to(dtype) for name, dtype in types.items()},
      "views": {"slice": base[1], "column": base[:, :, 1], "none": base[:0]}, "module": module.state_dict(), "epoch": 15},
     "legacy_features.pt", _use_new_zipfile_serialization=False)
save_other_values()
