"""`manage.py sample_chain`: create sample certificates, as Microsoft's guide does with the step CLI."""

import os
from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from certificates.authentication.engine import VALIDATION_SCHEMES
from certificates.samples.chain import (
    SAMPLE_FAULTS,
    TEACHING_NAMES,
    ClientName,
    IssuingError,
    SampleChain,
    make_sample_chain,
    sample_chain_files,
    sample_chain_zip,
)

MAX_HOURS = 87_600  # ten years


class Command(BaseCommand):
    help = (
        "Create a root, an intermediate and client certificates for testing, in a folder or a .zip file. "
        "The private keys are stored only there."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", metavar="NAME", help="client authentication names")
        parser.add_argument(
            "--scheme",
            choices=[scheme.value for scheme in VALIDATION_SCHEMES],
            default=VALIDATION_SCHEMES[0].value,
            help="validation scheme, which decides where the names are in the certificates (default: the subject)",
        )
        parser.add_argument(
            "--fault",
            choices=[fault.code for fault in SAMPLE_FAULTS],
            default="",
            help="deliberate fault of the certificates",
        )
        parser.add_argument(
            "--teaching",
            action="store_true",
            help="add one client for each scheme and one for each fault",
        )
        parser.add_argument(
            "--hours", type=int, default=2400, help="validity of the client certificates in hours (default: 2400)"
        )
        parser.add_argument(
            "--output",
            type=Path,
            default=Path("sample-certificates"),
            help="a new folder, or a new .zip file (default: sample-certificates)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        names = [ClientName(name, options["scheme"], options["fault"]) for name in options["names"]]
        if options["teaching"]:
            names += TEACHING_NAMES
        if not names:
            raise CommandError("Specify at least one client authentication name, or --teaching.")
        if not 1 <= options["hours"] <= MAX_HOURS:
            raise CommandError(f"--hours must be from 1 to {MAX_HOURS}.")
        try:
            chain = make_sample_chain(names, at=timezone.now(), lifetime=timedelta(hours=options["hours"]))
        except IssuingError as error:
            raise CommandError(error.sentence) from error
        output: Path = options["output"]
        try:
            _write(chain, output)
        except FileExistsError as error:
            raise CommandError(f"{output} already exists. Specify another --output.") from error
        except OSError as error:
            raise CommandError(f"Cannot write {output}: {error.strerror}.") from error
        self._print_summary(chain, output)

    def _print_summary(self, chain: SampleChain, output: Path) -> None:
        for sample in (chain.root, chain.intermediate, *chain.clients):
            expected = f"  {sample.expected}" if sample.fails_at else ""
            self.stdout.write(f"{sample.thumbprint}  {sample.file_name}.crt{expected}")
        self.stdout.write(f"Written to {output}. Continue with HOW-TO.txt in it.")


def _write(chain: SampleChain, output: Path) -> None:
    if output.suffix.lower() == ".zip":
        _write_file(output, sample_chain_zip(chain), 0o600)
        return
    output.mkdir(mode=0o700, parents=True)
    for file in sample_chain_files(chain):
        _write_file(output / file.name, file.data, 0o600 if file.is_secret else 0o644)


def _write_file(path: Path, data: bytes, mode: int) -> None:
    """Create the file with its mode from the start. Raise FileExistsError if it exists."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
