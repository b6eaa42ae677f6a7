"""Surrogate families: one problem, one file."""
