"""The laws of every abstraction, public, so that other people's parts can be checked too.

Each `check_...` runs all laws of one kind of part and returns a `Report` that prints as a table, or raises one
AssertionError with every law that fails and its numbers. `check_variates` and
`check_one_client` are laws of some methods only, asked for by name.
"""

from fedmm.testing.aggregators import check_aggregator
from fedmm.testing.algorithms import check_algorithm, check_one_client, check_variates
from fedmm.testing.channels import check_channel
from fedmm.testing.executors import check_executor, check_same_run
from fedmm.testing.participation import check_participation
from fedmm.testing.problems import check_problem
from fedmm.testing.report import Report

__all__ = [
    "Report",
    "check_aggregator",
    "check_algorithm",
    "check_channel",
    "check_executor",
    "check_one_client",
    "check_participation",
    "check_problem",
    "check_same_run",
    "check_variates",
]
