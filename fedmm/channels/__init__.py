"""What goes over the wire: compressors and their chain."""

from fedmm.channels.base import Channel, ChannelFacts, Field, Selection
from fedmm.channels.chain import Chain
from fedmm.channels.dither import Dither
from fedmm.channels.identity import Identity
from fedmm.channels.mask import Mask
from fedmm.channels.natural import Natural
from fedmm.channels.packing import payload, unpack
from fedmm.channels.rand_k import RandK
from fedmm.channels.top_k import TopK

__all__ = [
    "CATALOG",
    "Chain",
    "Channel",
    "ChannelFacts",
    "Dither",
    "Field",
    "Identity",
    "Mask",
    "Natural",
    "RandK",
    "Selection",
    "TopK",
    "payload",
    "unpack",
]

CATALOG: tuple[type[Channel], ...] = (Identity, RandK, Mask, Dither, Natural, TopK, Chain)
"""Every channel of the library; `fedmm list`, the command line and the laws read it."""
