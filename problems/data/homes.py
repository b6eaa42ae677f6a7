"""Where the data sets live, under which terms, and the digests that are known.

Nothing is fetched from here unless ``fedmm data get`` or `fedmm.download.fetch` is asked to. The sha256 digests are those
of the original files; the md5 digests are the ones their homes publish.
"""

from __future__ import annotations

from fedmm.download import Home, Remote

__all__ = [
    "CIFAR10_HOME",
    "CIFAR100_HOME",
    "FASHION_HOME",
    "KDD_HOME",
    "LIBSVM_HOMES",
    "MNIST_HOME",
    "MOVIELENS_HOMES",
    "TEXT_HOME",
]

_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_QMNIST = "https://raw.githubusercontent.com/facebookresearch/qmnist/master/"
_FASHION = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
_LIBSVM = "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/binary/"
_CIFAR = "https://www.cs.toronto.edu/~kriz/"
_GROUPLENS = "https://files.grouplens.org/datasets/movielens/"


def _files(base: str, digests: dict[str, str]) -> tuple[Remote, ...]:
    return tuple(Remote(base + file, file, f"sha256:{digest}") for file, digest in digests.items())


MNIST_HOME = Home(
    "mnist",
    "mnist",
    _files(
        _MNIST,
        {
            "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
    )
    + _files(
        _QMNIST,
        {
            "qmnist-train-labels-idx2-int.gz": "2c05dc77f6b916b38e455e97ab129a42a444f3dbef09b278a366f82904e0dd9f",
            "qmnist-test-labels-idx2-int.gz": "9fbcbe594c3766fdf4f0b15c5165dc0d1e57ac604e01422608bb72c906030d06",
        },
    ),
    "MNIST: usually given as CC BY-SA 3.0 (Y. LeCun, C. Cortes); the writers' tables of QMNIST: BSD-style (Facebook)",
    "https://github.com/facebookresearch/qmnist",
)

FASHION_HOME = Home(
    "fashion-mnist",
    "fashion-mnist",
    _files(
        _FASHION,
        {
            "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
    ),
    "MIT (Zalando SE)",
    "https://github.com/zalandoresearch/fashion-mnist",
)

CIFAR10_HOME = Home(
    "cifar-10",
    "cifar-10",
    (Remote(f"{_CIFAR}cifar-10-binary.tar.gz", "cifar-10-binary.tar.gz", "md5:c32a1d4ab5d03f1284b67883e8d87530"),),
    "no licence is stated; its home asks that the technical report of 2009 be cited",
    "https://www.cs.toronto.edu/~kriz/cifar.html",
)

CIFAR100_HOME = Home(
    "cifar-100",
    "cifar-100",
    (Remote(f"{_CIFAR}cifar-100-binary.tar.gz", "cifar-100-binary.tar.gz", "md5:03b5dce01913d631647c71ecec9e9cb8"),),
    "no licence is stated; its home asks that the technical report of 2009 be cited",
    "https://www.cs.toronto.edu/~kriz/cifar.html",
)

KDD_HOME = Home(
    "kddcup99",
    "kddcup99",
    _files(
        "http://kdd.ics.uci.edu/databases/kddcup99/",
        {"kddcup.data_10_percent.gz": "8045aca0d84e70e622d1148d7df782496f6333bf6eb979a1b0837c42a9fd9561"},
    ),
    "usually given as CC BY 4.0 (UCI Machine Learning Repository)",
    "https://archive.ics.uci.edu/dataset/130/kdd+cup+1999+data",
)

_TERMS = "research use only; no redistribution without permission, no commercial use, no implied endorsement (GroupLens)"

MOVIELENS_HOMES = (
    Home(
        "ml-100k",
        "ml-100k",
        (Remote(f"{_GROUPLENS}ml-100k.zip", "ml-100k.zip", "md5:0e33842e24a9c977be4e0107933c0723"),),
        _TERMS,
        "https://grouplens.org/datasets/movielens/100k/",
    ),
    Home(
        "ml-1m",
        "ml-1m",
        (Remote(f"{_GROUPLENS}ml-1m.zip", "ml-1m.zip", "md5:c4d9eecfca2ab87c1945afe126590906"),),
        _TERMS,
        "https://grouplens.org/datasets/movielens/1m/",
    ),
)

LIBSVM_HOMES = tuple(
    Home(
        name,
        "libsvm",
        tuple(Remote(_LIBSVM + file, file) for file in files),
        "none is stated for the collection; see the page for the origin of each set",
        "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/binary.html",
    )
    for name, files in {
        "a1a": ("a1a", "a1a.t"),
        "a9a": ("a9a", "a9a.t"),
        "australian": ("australian",),
        "german.numer_scale": ("german.numer_scale",),
        "heart_scale": ("heart_scale",),
        "mushrooms": ("mushrooms",),
        "phishing": ("phishing",),
        "splice": ("splice", "splice.t"),
        "w7a": ("w7a", "w7a.t"),
        "w8a": ("w8a", "w8a.t"),
    }.items()
)

TEXT_HOME = Home(
    "tinyshakespeare",
    "shakespeare",
    (
        Remote(
            "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
            "tinyshakespeare.txt",
            "sha256:86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        ),
    ),
    "the text is in the public domain",
    "https://github.com/karpathy/char-rnn",
)
