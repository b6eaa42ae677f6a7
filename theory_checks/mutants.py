"""``python -m theory_checks.mutants [--out FILE]``: which engine notices which wrong constant, for every claim."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from theory_checks.claim import CLASSES, ENGINES
from theory_checks.claims import claims
from theory_checks.ledger.table import Table, markdown
from theory_checks.perturbation import Perturbation, counts, perturbations, unnoticed
from theory_checks.verify import verify_by_name
from theory_checks.verify.aside import aside

__all__ = ["page"]

HEAD = """# Wrong constants, and who notices

Every constant of every claim, made wrong one at a time. Written by

    python -m theory_checks.mutants --out docs/mutants.md

- A constant is a number in the text of what is promised (`theory_checks/constants.py`; also in the formulas that it calls), or
  an entry of the setting, changed in the promise only. Numbers are multiplied by 0.9 and by 1.1; whole ones (exponents, the one
  of 1 - gamma mu, K, N) also go up and down by one; L and mu change places.
- A change counts where it makes the promise stronger at a setting that was tried. An engine notices it if one of its numbers
  refutes it there.
- What is computed and cached (an exact worst case, a run) has no constants here: of such a promise only the setting is changed.
- A bound that is not tight may well be true with a slightly smaller constant: then nobody can notice, and an engine that covers
  the class (`pep`, `lyapunov`) has shown that the constant can be improved at the settings tried. Where only instances look, it
  may as well be their blindness.

"""


def page(found: Mapping[str, Sequence[Perturbation]]) -> str:
    """The page, from the changes by claim."""
    total = counts(each for changed in found.values() for each in changed)
    engines = [who for who in ("any", *ENGINES) if who in total]
    constants = sum(len({each.constant for each in changed}) for changed in found.values())
    changes = sum(len(changed) for changed in found.values())
    scores = Table(
        "In total",
        f"{constants} constants of {len(found)} claims, with {changes} changes that promise more; an engine is asked about those "
        "of its own claims.",
        ("engine", "noticed", "of", "part"),
        [[who, str(total[who][0]), str(total[who][1]), f"{total[who][0] / total[who][1]:.2f}"] for who in engines],
    )
    by_claim = Table(
        "By claim",
        "Changes noticed, of those that promise more.",
        ("claim", "constants", *engines),
        [_row(claim, changed, engines) for claim, changed in found.items()],
    )
    missed = Table(
        "Not noticed by anyone",
        "The constant, what it stands in, file, line and column, and the changes. Where an engine covered the class, the smaller "
        "promise is true at the settings tried.",
        ("claim", "class covered by", "constant: changes"),
        [
            [claim, _covering(changed), "<br>".join(f"`{each}`" for each in unnoticed(changed))]
            for claim, changed in found.items()
            if unnoticed(changed)
        ],
    )
    return HEAD + markdown([scores, by_claim, missed])


def _row(claim: str, changed: Sequence[Perturbation], engines: Sequence[str]) -> list[str]:
    table = counts(changed)
    return [
        claim,
        str(len({each.constant for each in changed})),
        *("{} of {}".format(*table[who]) if who in table else "-" for who in engines),
    ]


def _covering(changed: Sequence[Perturbation]) -> str:
    """Engines over the class that looked at what nobody noticed; what a certificate does not refute may be its weakness."""
    looked = {who for each in changed if not each.noticed for who in each.missed}
    return ", ".join(who for who in CLASSES if who in looked and who != "certificate") or "no"


def main() -> None:
    """Write the page to a file, or to standard output."""
    parser = argparse.ArgumentParser(prog="python -m theory_checks.mutants", description="Wrong constants, and who notices.")
    parser.add_argument("--out", type=Path, help="the Markdown file to write (default: standard output)")
    parser.add_argument("--examples", type=int, help="settings drawn for every claim (default: as fedmm verify)")
    args = parser.parse_args()
    known = claims()
    with aside():
        found = {each.claim: perturbations(known[each.claim], each.trials) for each in verify_by_name(list(known), args.examples)}
    if args.out is None:
        sys.stdout.write(page(found))
    else:
        args.out.write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
