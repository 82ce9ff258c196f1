"""The watch over private keys: no key may be left in a log, database or file."""
