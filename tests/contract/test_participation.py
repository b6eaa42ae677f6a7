"""Every sampling scheme of the catalog obeys the laws."""

import pytest

from fedmm.participation import CATALOG, Bernoulli, FixedSize, Full, Participation
from fedmm.testing.participation import check_inclusion, check_participation

INSTANCES: tuple[Participation, ...] = (
    Full(),
    Bernoulli(0.5),
    Bernoulli(1.0),
    Bernoulli((0.1, 0.9, 0.5, 1.0, 0.3, 0.7)),
    FixedSize(1),
    FixedSize(3),
    FixedSize(6),
)


def test_every_scheme_has_an_instance() -> None:
    assert {type(scheme) for scheme in INSTANCES} == set(CATALOG)
    assert len({scheme.name for scheme in CATALOG}) == len(CATALOG)


@pytest.mark.parametrize("scheme", INSTANCES, ids=str)
def test_laws(scheme: Participation) -> None:
    check_participation(scheme, n=6)


@pytest.mark.parametrize("scheme", [Bernoulli(0.3), FixedSize(30)], ids=str)
def test_inclusion_among_many(scheme: Participation) -> None:
    assert scheme.outcomes(100) is None
    check_inclusion(scheme, n=100)
