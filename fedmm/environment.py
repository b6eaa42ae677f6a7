"""What bit-for-bit repetition depends on: versions and BLAS threads."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["differences", "environment", "versions"]

PACKAGES = ("fedmm", "numpy", "scipy", "scikit-learn", "torch")


def versions(packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """The installed version of each package; packages that are not installed are left out."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def environment() -> dict[str, str]:
    """Python, packages, machine, and the libraries that do the linear algebra with their number of threads.

    Other packages may have loaded a BLAS of their own by now: those that came with NumPy and SciPy count, and all of them only
    where neither brought one (a system's BLAS).
    """
    import scipy.linalg  # noqa: F401 (SciPy brings a BLAS of its own, which shows only once it is loaded)
    from threadpoolctl import threadpool_info

    loaded = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    ours = [pool for pool in loaded if {"numpy.libs", "scipy.libs", "numpy", "scipy"} & set(Path(pool["filepath"]).parts)]
    pools = sorted(f"{pool['internal_api']} {pool.get('version') or '?'} x{pool['num_threads']}" for pool in ours or loaded)
    return {
        "python": platform.python_version(),
        **versions(),
        "machine": f"{platform.machine()} {sys.platform}",
        "blas": "; ".join(dict.fromkeys(pools)),
    }


def differences(then: dict[str, str], now: dict[str, str]) -> list[str]:
    """What differs between two environments, one phrase each. A package absent from one of them took no part in that run."""
    return [f"{name} was {then[name]}, is {now[name]}" for name in then if name in now and then[name] != now[name]]
