r"""Ratings as a matrix: one user a row, one film a column, missing = 0, centred.

    z_uf = r_uf - c_u  where user u rated film f,   z_uf = 0  elsewhere.

| argument | symbol |
|---|---|
| user, film, rating | u, f, r_uf, one of each per rating |
| films | m, how many films are kept: those with most ratings, of equals the smaller number first |
| centre | c_u: "user", the mean of all ratings of u, also of films not kept; "global", the mean of all ratings; "none", 0 |

Columns are in the order of the films' popularity. Users who rated none of the films kept are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from fedmm.arguments import check_fields
from fedmm.errors import DataError, SpecError
from fedmm.federation import Samples, Source

__all__ = ["Ratings", "SyntheticRatings", "matrix"]

Centre = Literal["user", "global", "none"]


class Ratings(NamedTuple):
    """Who rated what and how: three arrays with one entry a rating."""

    user: np.ndarray
    film: np.ndarray
    rating: np.ndarray


def matrix(ratings: Ratings, films: int, centre: Centre) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The centred matrix Z of the `films` most rated films, the users of its rows and the films of its columns.

    Raises
    ------
    DataError
        If fewer than `films` films were rated.
    """
    known, column, counts = np.unique(ratings.film, return_inverse=True, return_counts=True)
    if len(known) < films:
        raise DataError(f"Expected at least {films} films with ratings, got {len(known)}; ask for fewer films.")
    kept = np.argsort(-counts, kind="stable")[:films]  # equals stay in the order of their numbers
    users, row, each = np.unique(ratings.user, return_inverse=True, return_counts=True)
    level = np.zeros(len(users))
    if centre == "user":
        level = np.bincount(row, weights=ratings.rating) / each
    elif centre == "global":
        level += ratings.rating.mean()
    place = np.full(len(known), -1)
    place[kept] = np.arange(films)
    here = place[column] >= 0
    Z = np.zeros((len(users), films))
    Z[row[here], place[column[here]]] = (ratings.rating - level[row])[here]
    seen = np.zeros(len(users), dtype=bool)
    seen[row[here]] = True
    return Z[seen], users[seen], known[kept]


@dataclass(frozen=True)
class SyntheticRatings(Source):
    """A stand-in for MovieLens: users of a few tastes rate films 1 to 5; y and groups are the tastes.

    A film has a quality, and for each taste a bonus, both standard normal; a rating is 3 + quality + bonus + noise / 2,
    rounded and cut to 1, ..., 5. Films differ in popularity: film f is rated with probability density^(1/2 + f / films),
    and every user rates film 0. The data are the same for every seed of a run.

    Parameters
    ----------
    users : int
        How many users, dealt out to the tastes in turn.
    films : int
        m, how many films.
    tastes : int
        How many groups of users.
    density : float
        How likely it is that a film of middling popularity is rated.
    centre : {"user", "global", "none"}
        What is subtracted from the ratings: the user's mean, the mean of all, nothing.
    """

    users: int = 300
    films: int = 40
    tastes: int = 5
    density: float = 0.3
    centre: Centre = "user"

    name: ClassVar[str] = "synthetic-ratings"

    def __post_init__(self) -> None:
        check_fields(self)
        for field, value in (("users", self.users), ("films", self.films), ("tastes", self.tastes)):
            if not 1 <= value <= 100_000:
                raise SpecError(f"Expected {self.name}.{field} to be an integer from 1 to 100000, got {value}.")
        if not 0 < self.density <= 1:
            raise SpecError(f"Expected {self.name}.density in (0, 1], got {self.density}.")

    def load(self, clients: int | None, seed: int) -> Samples:
        generator = np.random.default_rng(0)
        taste = self.groups()
        quality, bonus = generator.standard_normal(self.films), generator.standard_normal((self.tastes, self.films))
        score = 3.0 + quality + bonus[taste] + 0.5 * generator.standard_normal((self.users, self.films))
        rated = generator.random((self.users, self.films)) < self.density ** (0.5 + np.arange(self.films) / self.films)
        rated[:, 0] = True
        user, film = np.nonzero(rated)
        rating = np.clip(np.round(score), 1, 5)[user, film]
        popular = len(np.unique(film))  # a film that nobody rated has no column
        Z, _, _ = matrix(Ratings(user, film, rating), popular, self.centre)
        return Samples(Z, taste.astype(float))

    def groups(self) -> np.ndarray:
        return np.arange(self.users) % self.tastes
