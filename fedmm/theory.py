"""What fedmm asks of a package of theorems, which it reaches through the catalog and never imports by itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from fedmm.composition import Composition

__all__ = ["Answer", "Inquiry", "Theory"]


@dataclass(frozen=True)
class Inquiry:
    """Which claims are meant, and how they are to be verified.

    Parameters
    ----------
    claims : tuple of str
        Names; none means all.
    method, tag : str or None
        Only claims about this method, or with this topic.
    mine : Path or None
        A file with the user's own claims, instead of the package's.
    examples : int or None
        Settings drawn for every claim; None leaves it to the package.
    thorough : bool
        Draw many settings.
    processes : int or None
        None leaves it to the package.
    mutants : bool
        Also print which false strengthening, and which wrong constant, each engine notices.
    strict : bool
        An undecided claim is a failure.
    report : Path or None
        An empty folder for an HTML report.
    counterexamples : Path
        The folder where a refuted claim leaves its counter-example.
    """

    claims: tuple[str, ...] = ()
    method: str | None = None
    tag: str | None = None
    mine: Path | None = None
    examples: int | None = None
    thorough: bool = False
    processes: int | None = None
    mutants: bool = False
    strict: bool = False
    report: Path | None = None
    counterexamples: Path = Path()


class Answer(NamedTuple):
    """What came of an inquiry.

    Parameters
    ----------
    text : str
        For reading.
    table : dict
        The same as JSON values, with a list ``claims``.
    refuted : bool
        Whether a claim is refuted, or two engines contradict each other.
    interrupted : bool
        Whether claims are missing because Ctrl-C was pressed.
    failure : str
        What could not be saved, or why the run is no success although nothing is refuted; in a sentence each.
    """

    text: str
    table: dict[str, Any]
    refuted: bool = False
    interrupted: bool = False
    failure: str = ""


class Theory(ABC):
    """Theorems as programs: a package enrols a subclass in the catalog to serve ``fedmm verify`` and ``fedmm explain``."""

    name: ClassVar[str]
    """Its name."""

    @abstractmethod
    def listed(self, inquiry: Inquiry) -> Answer:
        """The claims that are meant; nothing is measured.

        Raises
        ------
        SpecError
            For a name, method or tag that no claim has.
        """

    @abstractmethod
    def verify(self, inquiry: Inquiry) -> Answer:
        """Measure the claims that are meant.

        Raises
        ------
        SpecError
            For a name, method or tag that no claim has.
        """

    @abstractmethod
    def replay(self, path: Path, mine: Path | None = None) -> Answer:
        """Measure a counter-example from a file again.

        Raises
        ------
        DataError, SpecError
            If the file is not one, or its claim is not there.
        """

    def rows(self, composition: Composition) -> list[tuple[str, str]]:
        """Lines that ``fedmm explain`` adds for a composition: a title and what is known of its worst case. None by default."""
        return []
