"""Azure in tests: the emulator as a process, and what its requests and documents say."""
