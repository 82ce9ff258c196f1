"""The rows of the table: `cases(at)`. `tests.certificates.authentication.engine_table.cases` describes a row."""

from dataclasses import replace
from datetime import datetime

from tests.certificates.authentication.engine_table.cases import Case, Plant
from tests.certificates.authentication.engine_table.chain_cases import (
    bad_ca_rows,
    certificate_rows,
    chain_rows,
    issuer_rows,
    purpose_rows,
    strength_rows,
)
from tests.certificates.authentication.engine_table.name_cases import (
    dns_rows,
    ip_rows,
    subject_rows,
    thumbprint_rows,
    uri_and_email_rows,
)
from tests.certificates.authentication.engine_table.user_name_cases import name_rows, source_rows


def cases(at: datetime) -> tuple[Case, ...]:
    """Return every row, with certificates issued around `at`."""
    plant = Plant(at)
    rows = (
        *subject_rows(plant),
        *dns_rows(plant),
        *uri_and_email_rows(plant),
        *ip_rows(plant),
        *thumbprint_rows(plant),
        *name_rows(plant),
        *source_rows(plant),
        *certificate_rows(plant),
        *strength_rows(plant),
        *purpose_rows(plant),
        *issuer_rows(plant),
        *chain_rows(plant),
        *bad_ca_rows(plant),
    )
    return tuple(replace(row, at=at) for row in rows)
