"""Every channel of the catalog obeys the laws."""

import pytest

from fedmm.channels import CATALOG, Chain, Channel, Dither, Identity, Mask, Natural, RandK, TopK
from fedmm.testing.channels import check_channel

INSTANCES: tuple[Channel, ...] = (
    Identity(),
    RandK(2),
    RandK(6),
    Mask(0.4),
    Mask(1.0),
    Dither(1),
    Dither(4),
    Dither(3, block=4),
    Natural(),
    TopK(1),
    TopK(3),
    TopK(6),
    Chain((RandK(3),)),
    Chain((RandK(3), Dither(2))),
    Chain((RandK(3), Natural())),
    Chain((RandK(4), RandK(2))),
    Chain((RandK(4), TopK(2))),
    Chain((TopK(4), Dither(2, block=3))),
    Chain((TopK(3), RandK(2))),
    Chain((TopK(5), TopK(2))),
    Chain((Identity(), RandK(4), TopK(3), Mask(0.5))),
)


def test_every_channel_has_an_instance() -> None:
    assert {type(channel) for channel in INSTANCES} == set(CATALOG)
    assert len({channel.name for channel in CATALOG}) == len(CATALOG)


@pytest.mark.parametrize("channel", INSTANCES, ids=str)
def test_laws(channel: Channel) -> None:
    check_channel(channel, q=6)
