"""``python -m theory_checks.ledger [--out FILE]``: compute every section and write the page."""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import version
from pathlib import Path

from theory_checks.ledger import sections
from theory_checks.ledger.table import markdown

HEAD = """# The ledger

What theorems promise, what is exact, and how many rounds lie between. Written by

    python -m theory_checks.ledger --out docs/ledger.md

with CLARABEL. Nothing here is typed in: exact values are dual values of semidefinite programs (`theory_checks.pep`), to the
solver's accuracy of about 1e-8; searched rates are bisected. What is called numerically exact is not a theorem, and the search of
the literature for it was not exhaustive.

"""


def main() -> None:
    """Write the ledger to a file, or to standard output."""
    parser = argparse.ArgumentParser(
        prog="python -m theory_checks.ledger", description="Published against exact, for each theorem."
    )
    parser.add_argument("--out", type=Path, help="the Markdown file to write (default: standard output)")
    args = parser.parse_args()
    page = HEAD.replace("CLARABEL", f"Clarabel {version('clarabel')}") + markdown(sections())
    if args.out is None:
        sys.stdout.write(page)
    else:
        args.out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
