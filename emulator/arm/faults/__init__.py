"""Fault injection and the control API.

A rule (`emulator/fault_rules.py`) takes effect in `arm/application.py` (latency, errors, throttling, broken
connections), `arm/event_grid.py` and `arm/long_running.py` (operations that take time or fail) and
`arm/visible_state.py` (stale reads); the portal sets rules through `sync/capabilities/fault_training.py`.
"""
