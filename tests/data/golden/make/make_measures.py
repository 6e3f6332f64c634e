"""Record what published programs compute of sets of features: distances, divergences, neighbourhoods.

    python make_measures.py ORIGINALS OUT_DIR

ORIGINALS holds clones of github.com/haoheliu/audioldm_eval, microsoft/fadtk, YoonjinXD/kadtk and, as `prdc`,
clovaai/generative-evaluation-prdc. Their functions run as they are; only the random choice of rows is ours.
"""
import ast, json, math, os, subprocess, sys
from pathlib import Path
import numpy as np, scipy.linalg, scipy.special, sklearn.metrics, torch
import weights

M32 = 0xffffffff
COMMITS = {
    "audioldm_eval": "8dc07ee7c42f9dc6e295460a1034175a0d49b436",
    "fadtk": "ec74b1f96d5576ec04e721985fa0f0d14d965d9b",
    "kadtk": "8bda71d87f55cc7f8a8e38d3d4cfbae902ff78b1",
    "prdc": "e320c1d2811d33081361a08f595b43830b78641c",
}
# rows of the reference, rows of the generated set, columns
SETS = {"few": (24, 20, 40), "many": (300, 260, 16), "mixed": (12, 90, 30)}
LEAST, SIZES, SEED = 40, 25, 7


def functions(originals, project, path, names, namespace):
    """The named functions and methods of a project's file, as they stand there."""
    source = subprocess.run(["git", "-C", f"{originals}/{project}", "show", f"{COMMITS[project]}:{path}"],
                            check=True, capture_output=True, text=True).stdout
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name in names:
            node.returns, node.decorator_list = None, []
            for arg in node.args.args:
                arg.annotation = None
            exec(compile(ast.Module([node], []), path, "exec"), namespace)
    return [namespace[name] for name in names]


def features(name, rows, columns, scale=1.0, shift=0.0):
    """float32 [rows, columns], a hash of the name, with columns of different size."""
    u = weights.uniform(name, rows * columns).astype(np.float64).reshape(rows, columns) * 2 - 1
    return (shift + scale * u * (1 + np.arange(columns) % 5)).astype(np.float32)


def random_index(seed, stream, position, n):
    """core/evaluate/random_index.h"""
    counter, key = [position & M32, position >> 32, stream, 1], [seed & M32, seed >> 32]
    for _ in range(10):
        product0, product1 = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [(product1 >> 32) ^ counter[1] ^ key[0], product1 & M32,
                   (product0 >> 32) ^ counter[3] ^ key[1], product0 & M32]
        key = [(key[0] + 0x9E3779B9) & M32, (key[1] + 0xBB67AE85) & M32]
    return int(((counter[0] << 21) ^ (counter[1] >> 11)) * 2.0 ** -53 * n)


class Linalg:
    """scipy.linalg, whose newer versions have no `disp`."""
    eig, inv = staticmethod(scipy.linalg.eig), staticmethod(scipy.linalg.inv)

    @staticmethod
    def sqrtm(a, disp=True):
        root = scipy.linalg.sqrtm(a)
        return root if disp else (root, 0.0)


class Scipy:
    linalg = Linalg


class Choices:
    """In place of numpy.random: call number i draws from stream i."""
    def __init__(self):
        self.calls = 0

    def choice(self, n, size, replace):
        assert replace
        self.calls += 1
        return np.array([random_index(SEED, self.calls - 1, i, n) for i in range(size)])


class Log:
    info = warning = staticmethod(lambda message: print(message, file=sys.stderr))


def extrapolate(originals, reference, generated):
    """fadtk's score_inf of embeddings in memory."""
    class Numpy:
        random = Choices()

        def __getattr__(self, name):
            return getattr(np, name)
    namespace = {"np": Numpy(), "linalg": Linalg, "scisqrt": np.emath.sqrt, "log": Log, "tq": lambda x, desc: x,
                 "Path": Path, "FADInfResults": lambda **fields: fields}
    statistics, _, score_inf = functions(originals, "fadtk", "fadtk/fad.py",
                                         ["calc_embd_statistics", "calc_frechet_distance", "score_inf"], namespace)

    class Self:
        class ml:
            name = "hash"

        def load_stats(self, rows):
            return statistics(rows)

        def _load_embeddings(self, files, concat):
            return generated.astype(np.float64)
    result = score_inf(Self(), reference.astype(np.float64), [Path("x.wav")], SIZES, LEAST)
    return {"value": float(np.real(result["score"])), "slope": float(np.real(result["slope"])),
            "r_squared": float(np.real(result["r2"])),
            "points": [[int(n), float(np.real(d))] for n, d in result["points"]]}


def exact_frechet(reference, generated):
    """The formula, by the nuclear norm of the centred rows' products."""
    a, b = (x.astype(np.float64) - x.astype(np.float64).mean(0) for x in (reference, generated))
    a, b = a / math.sqrt(len(a) - 1), b / math.sqrt(len(b) - 1)
    difference = reference.astype(np.float64).mean(0) - generated.astype(np.float64).mean(0)
    return float(difference @ difference + (a ** 2).sum() + (b ** 2).sum()
                 - 2 * np.linalg.svd(a @ b.T, compute_uv=False).sum())


def class_divergences(calculate_kl):
    reference, generated = features("kl:reference", 9, 527, 2.0), features("kl:generated", 9, 527, 1.5, 0.5)
    files = [f"{i}.wav" for i in range(9)]
    result, _, _ = calculate_kl({"logits": torch.from_numpy(generated).double(), "file_path_": files},
                                {"logits": torch.from_numpy(reference).double(), "file_path_": files}, "logits")
    # The second argument is the target: KL(reference || generated).
    return {"softmax": result["kullback_leibler_divergence_softmax"],
            "sigmoid": result["kullback_leibler_divergence_sigmoid"]}


def cosines():
    sounds, pictures = features("cosine:sounds", 6, 32), features("cosine:pictures", 6, 32, 1.0, 0.4)
    sounds[5] = 0
    a, b = torch.from_numpy(sounds).double(), torch.from_numpy(pictures).double()
    every = torch.nn.functional.cosine_similarity(a[:, None], b[None], dim=-1, eps=1e-6)
    return {"pairs": every.diagonal().tolist(), "mean": every.diagonal().mean().item(),
            "mismatched": every[~torch.eye(6, dtype=torch.bool)].mean().item()}


def main():
    originals, out = sys.argv[1], sys.argv[2]
    torch.set_num_threads(1)
    calculate_fid, = functions(originals, "audioldm_eval", "audioldm_eval/metrics/fid.py", ["calculate_fid"],
                               {"torch": torch, "np": np, "scipy": Scipy})
    calculate_kl, = functions(originals, "audioldm_eval", "audioldm_eval/metrics/kl.py", ["calculate_kl"],
                              {"torch": torch, "os": os})
    *_, compute_prdc = functions(originals, "prdc", "prdc/prdc.py",
                                 ["compute_pairwise_distance", "get_kth_value",
                                  "compute_nearest_neighbour_distances", "compute_prdc"],
                                 {"np": np, "sklearn": sklearn})
    kernel_distance, median = functions(originals, "kadtk", "kadtk/kad.py",
                                        ["calc_kernel_audio_distance", "median_pairwise_distance"],
                                        {"torch": torch, "np": np, "SCALE_FACTOR": 100, "Path": Path, "tuple": tuple})
    expected = {"kl": class_divergences(calculate_kl), "cosine": cosines()}
    for name, (rows1, rows2, columns) in SETS.items():
        reference = features(f"{name}:reference", rows1, columns)
        generated = features(f"{name}:generated", rows2, columns, 1.1, 0.2)
        x, y = torch.from_numpy(reference), torch.from_numpy(generated)
        published = calculate_fid({"2048": x.double()}, {"2048": y.double()}, "2048")["frechet_distance"]
        kad = [kernel_distance(x.double(), y.double(), (None, None), "cpu", s, precision=torch.float64).item()
               for s in (median(x), median(y))]
        assert kad[1] == kernel_distance(x.double(), y.double(), (None, None), "cpu", precision=torch.float64).item()
        expected[name] = {
            "frechet": exact_frechet(reference, generated), "frechet_published": published,
            "kernel_distance": kad[0], "bandwidth": median(x),
            "kernel_distance_generated": kad[1], "bandwidth_generated": median(y),
            **{key: float(value) for key, value in
               compute_prdc(reference.astype(np.float64), generated.astype(np.float64), 5).items()}}
        print(name, expected[name])
    expected["extrapolated"] = extrapolate(originals, features("many:reference", 300, 16),
                                           features("many:generated", 260, 16, 1.1, 0.2))
    os.makedirs(out, exist_ok=True)
    with open(f"{out}/expected.json", "w", encoding="utf-8") as file:
        json.dump(expected, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
