"""The laws of every abstraction, public, so that other people's parts can be checked too."""
