"""Fixtures of the sync tests."""

from tests.emulator_process import emulator, own_emulator
from tests.sync.scripted_arm import arm, authority

__all__ = ["arm", "authority", "emulator", "own_emulator"]
