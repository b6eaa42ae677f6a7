"""A federation from names (a data source, a partition, a number of clients), and again from the record of these."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

from fedmm import spec
from fedmm.catalog import entries
from fedmm.errors import DataError, SpecError, suggest
from fedmm.federation import Federation, Partition, Source

__all__ = ["federation", "federation_from", "source_of"]


def federation(
    data: str | Path | Source = "breast-cancer",
    partition: str | Partition | None = None,
    *,
    clients: int | None = None,
    weights: str | Sequence[float] | None = None,
    seed: int = 0,
) -> Federation:
    """The federation that these choices describe; `Federation.origin` records them for `federation_from`.

    Parameters
    ----------
    data : str, Path or Source
        A name (``"digits"``, ``"digits:labels=digit"``), a file, the name of a file under ``FEDMM_DATA``, or a source.
    partition : str, Partition or None
        How samples are dealt out, such as ``"dirichlet:0.1"``; None means "iid". A generator that makes its own clients
        takes none.
    clients : int or None
        The number of clients; it overrides the partition's. None keeps the partition's or the generator's.
    weights : "samples", "uniform", sequence of float or None
        As for `Federation`; None means "samples". A generator that makes its own clients weighs them itself.
    seed : int
        The seed of the partition and of generators.

    Raises
    ------
    SpecError
        For an unknown name or field, or a partition or weights for data that bring their own clients.
    DataError
        If the data are missing, corrupt, or cannot be dealt out so.
    """
    if clients is not None and (isinstance(clients, bool) or not isinstance(clients, int) or clients < 1):
        raise SpecError(f"Expected clients to be an integer >= 1, got {clients!r}.")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise SpecError(f"Expected seed to be an integer >= 0, got {seed!r}.")
    source = (data if isinstance(data, Source) else source_of(data)).pin()
    loaded = source.load(clients, seed)
    if isinstance(loaded, Federation):
        for what, given in (("partition", partition), ("weights", weights)):
            if given is not None:
                raise SpecError(f"The data {source.name!r} bring their own clients and take no {what}; leave it out.")
        origin = {"data": spec.describe(source), "clients": len(loaded), "seed": seed}
        loaded.origin = origin
        return loaded
    rule = _partition_of("iid" if partition is None else partition, clients)
    values = "samples" if weights is None else weights
    if not isinstance(values, (str, Iterable)):
        raise SpecError(f"Expected weights 'samples', 'uniform' or a sequence of numbers, got {weights!r}.")
    origin = {
        "data": spec.describe(source),
        "partition": spec.describe(rule),
        "weights": values if isinstance(values, str) else [float(w) for w in values],
        "seed": seed,
    }
    X, y = loaded
    groups = source.groups() if rule.needs_groups else None
    return Federation.from_arrays(X, y, rule, weights=values, seed=seed, groups=groups, public=source.public(), origin=origin)


def federation_from(origin: Mapping[str, Any]) -> Federation:
    """The federation whose `Federation.origin` this is, bit for bit on the same machine and library versions.

    Raises
    ------
    SpecError
        If the record is incomplete or names unknown parts.
    DataError
        If a file is missing, or differs from the one recorded.
    """
    if not isinstance(origin, Mapping):
        raise SpecError(f"Expected the origin of the data as a table with a table [data.origin.data], got {origin!r}.")
    known = {"data", "partition", "clients", "weights", "seed"}
    for key in origin:
        if key not in known:
            raise SpecError(f"Unknown entry {key!r} in the record of a federation.{suggest(key, known)}")
    if "data" not in origin:
        raise SpecError(f"Expected the record of a federation to name its data, got {dict(origin)!r}.")
    partition = origin.get("partition")
    return federation(
        spec.build("data", origin["data"]),
        None if partition is None else spec.build("partition", partition),
        clients=origin.get("clients"),
        weights=origin.get("weights"),
        seed=origin.get("seed", 0),
    )


def source_of(data: str | Path) -> Source:
    """The source that a name, a spec, a file or the name of a file under ``FEDMM_DATA`` stands for.

    A name in the catalog comes first; write ``./NAME`` for a file of the same name.

    Raises
    ------
    SpecError
        If the name is unknown.
    DataError
        If there is no such file, or no source reads it.
    """
    if not isinstance(data, (str, Path)):
        raise SpecError(f"Expected data as a name, a file or a source object such as BreastCancer(), got {type(data).__name__}.")
    text = str(data)
    sources = entries("data")
    if isinstance(data, str) and text.partition(":")[0].strip() in sources:
        return spec.parse("data", text)
    if not text.strip():
        raise SpecError(f"Expected the name of a data set or a file, got {text!r}. Known: {', '.join(sources)}.")
    path = Path(text).expanduser()
    shelf = {name: file for cls in sources.values() for name, file in cast(type[Source], cls).files().items()}
    if path.is_file():
        return _opened(path, sources)
    if isinstance(data, str) and data in shelf:
        return _opened(shelf[data], sources)
    if path.is_dir():
        raise DataError(f"Expected data {text!r} to be a file, it is a directory; name a file in it.")
    if isinstance(data, Path) or "/" in text or "\\" in text:
        raise DataError(f"There is no file {text!r}; check the path.")
    hint = suggest(text.partition(":")[0], {*sources, *shelf})
    if any(home.name == text for cls in sources.values() for home in cast(type[Source], cls).homes()):
        hint = f" Fetch it by `fedmm data get {text}`."
    if "FEDMM_DATA" not in os.environ:
        hint += " If it is a file of your data folder, set FEDMM_DATA to that folder."
    raise SpecError(f"Unknown data {text!r}: neither a known name nor a file.{hint}")


def _opened(path: Path, sources: Mapping[str, type]) -> Source:
    for cls in sources.values():
        source = cast(type[Source], cls).opens(path)
        if source is not None:
            return source
    raise DataError(
        f"No data source reads the file {str(path)!r}; expected LIBSVM (label index:value ...), .csv, .tsv, .parquet, idx, or "
        "another format of `fedmm list data`."
    )


def _partition_of(partition: str | Partition, clients: int | None) -> Partition:
    rule = spec.parse("partition", partition) if isinstance(partition, str) else partition
    if not isinstance(rule, Partition):
        raise SpecError(
            f"Expected a partition such as 'iid' or 'dirichlet:0.1', got {type(rule).__name__}; "
            f"known: {', '.join(entries('partition'))}."
        )
    if clients is None:
        return rule
    if "clients" not in {field.name for field in fields(cast(Any, rule))}:
        raise SpecError(f"The partition {rule.name!r} sets the number of clients itself; leave clients out.")
    return replace(cast(Any, rule), clients=clients)
