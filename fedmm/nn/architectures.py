"""Network architectures by name. torch is imported when one is built.

| name | what | numbers |
|---|---|---|
| mlp | one hidden layer of 64, ReLU | 64 (features + 1) + outputs (64 + 1) |
| cnn | two 5 x 5 convolutions (8 and 16 channels, pooled by 2), one hidden layer of 72 | 60,674 for 28 x 28 and 10 outputs |
| resnet18-gn | ResNet-18 for small images (3 x 3 stem, no first pooling), GroupNorm in the place of BatchNorm | 11.2 million |

A builder is a function of (input_shape, outputs) that returns a ``torch.nn.Module``, which takes samples (n, \\*input_shape) to
outputs (n, outputs).

Sources: Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, *Gradient-based learning applied to document recognition*, Proc. IEEE 86,
1998; K. He, X. Zhang, S. Ren and J. Sun, *Deep residual learning for image recognition*, CVPR 2016; Y. Wu and K. He, *Group
normalization*, ECCV 2018.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from math import prod
from typing import TYPE_CHECKING, Any

from fedmm.errors import SpecError, suggest

if TYPE_CHECKING:
    from torch.nn import Module

__all__ = ["ARCHITECTURES", "Builder", "cnn", "mlp", "named", "resnet18_gn"]

Builder = Callable[[tuple[int, ...], int], Any]
"""(input_shape, outputs) to a ``torch.nn.Module``."""

ACTIVATIONS = {"relu": "ReLU", "tanh": "Tanh", "gelu": "GELU"}


def mlp(input_shape: tuple[int, ...], outputs: int, hidden: tuple[int, ...] = (64,), activation: str = "relu") -> Module:
    """Fully connected layers.

    Parameters
    ----------
    input_shape : tuple of int
        The shape of one sample; it is flattened.
    outputs : int
        The length of the answer.
    hidden : tuple of int
        The widths of the hidden layers; none gives a linear model.
    activation : {"relu", "tanh", "gelu"}
        Between the layers.

    Raises
    ------
    SpecError
        For an unknown activation.
    """
    from torch import nn

    if activation not in ACTIVATIONS:
        raise SpecError(f"Unknown activation {activation!r}.{suggest(activation, ACTIVATIONS)}")
    layers: list[Module] = [nn.Flatten()]
    width = prod(input_shape)
    for wide in hidden:
        layers += [nn.Linear(width, wide), vars(nn)[ACTIVATIONS[activation]]()]
        width = wide
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def cnn(input_shape: tuple[int, ...], outputs: int) -> Module:
    """A small convolutional network for images (channels, height, width) of at least 4 x 4.

    Raises
    ------
    SpecError
        If `input_shape` is no such shape.
    """
    from torch import channels_last, nn

    channels, height, width = _image("cnn", input_shape, 4)
    net = nn.Sequential(
        nn.Conv2d(channels, 8, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * (height // 4) * (width // 4), 72),
        nn.ReLU(),
        nn.Linear(72, outputs),
    )
    return net.to(memory_format=channels_last)  # type: ignore[call-overload]


def resnet18_gn(input_shape: tuple[int, ...], outputs: int, width: int = 64) -> Module:
    """ResNet-18 with GroupNorm for images (channels, height, width).

    Parameters
    ----------
    input_shape : tuple of int
        The shape of one sample.
    outputs : int
        The length of the answer.
    width : int
        The channels of the first stage, doubled at each of the three others; a group has at least two channels and there are
        at most 32 groups.

    Raises
    ------
    SpecError
        If `input_shape` is no such shape, or `width` is not an even number >= 2.
    """
    from torch import channels_last, nn

    channels, _, _ = _image("resnet18-gn", input_shape, 1)
    if width < 2 or width % 2:
        raise SpecError(f"Expected an even width >= 2 of resnet18-gn, got {width}.")

    def norm(wide: int) -> Module:
        groups = next(g for g in range(min(32, wide // 2), 0, -1) if wide % g == 0)
        return nn.GroupNorm(groups, wide)

    class Residual(nn.Module):
        """relu(x or its projection + two normalised 3 x 3 convolutions of x)."""

        def __init__(self, narrow: int, wide: int, stride: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(narrow, wide, 3, stride, padding=1, bias=False),
                norm(wide),
                nn.ReLU(),
                nn.Conv2d(wide, wide, 3, padding=1, bias=False),
                norm(wide),
            )
            same = stride == 1 and narrow == wide
            self.skip = nn.Identity() if same else nn.Sequential(nn.Conv2d(narrow, wide, 1, stride, bias=False), norm(wide))

        def forward(self, x: Any) -> Any:
            return (self.body(x) + self.skip(x)).relu()

    layers: list[Module] = [nn.Conv2d(channels, width, 3, padding=1, bias=False), norm(width), nn.ReLU()]
    for stage in range(4):
        wide = width << stage
        layers += [Residual(wide if stage == 0 else wide // 2, wide, 1 if stage == 0 else 2), Residual(wide, wide, 1)]
    net = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width << 3, outputs))
    return net.to(memory_format=channels_last)  # type: ignore[call-overload]


ARCHITECTURES: Mapping[str, Builder] = {"cnn": cnn, "mlp": mlp, "resnet18-gn": resnet18_gn}
"""Builders by name."""

IMAGES = ("cnn", "resnet18-gn")
"""Those that look at images: where nobody gives a shape, samples are taken for square ones of one channel."""


def named(text: str, known: Mapping[str, Any], what: str) -> Any:
    """The function that a name in `known` or "package.module:function" stands for.

    Raises
    ------
    SpecError
        If there is none.
    """
    if text in known:
        return known[text]
    module, colon, function = text.partition(":")
    if not colon:
        raise SpecError(f'Unknown {what} {text!r}; "package.module:function" names your own.{suggest(text, known)}')
    try:
        found: Any = import_module(module)
        for word in function.split("."):
            found = getattr(found, word)
    except (ImportError, AttributeError, ValueError) as error:
        raise SpecError(f"Cannot find {what} {text!r} ({error}); check the name and that its package is installed.") from error
    if not callable(found):
        raise SpecError(f"Expected {what} {text!r} to be a function, got {type(found).__name__}.")
    return found


def _image(name: str, shape: tuple[int, ...], least: int) -> tuple[int, int, int]:
    if len(shape) != 3 or min(shape[1:]) < least:
        raise SpecError(
            f"{name} expects images (channels, height, width) of at least {least} x {least}, got input_shape {shape}; set it."
        )
    return shape[0], shape[1], shape[2]
