"""Fixtures of the emulator's tests."""

from tests.support.emulator_process import emulator, own_emulator

__all__ = ["emulator", "own_emulator"]
