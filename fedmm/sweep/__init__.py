"""Sweeps: many configurations of one run, side by side where that is possible."""

from fedmm.sweep.many import solve_many
from fedmm.sweep.sweep import Setting, Sweep

__all__ = ["Setting", "Sweep", "solve_many"]
