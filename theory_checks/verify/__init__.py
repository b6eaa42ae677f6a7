"""Claims measured: `verify` runs their engines on extreme and drawn settings and gives a `Verdict` for each."""

from theory_checks.verify.examine import EXAMPLES, THOROUGH, examine
from theory_checks.verify.many import verify, verify_by_name

__all__ = ["EXAMPLES", "THOROUGH", "examine", "verify", "verify_by_name"]
