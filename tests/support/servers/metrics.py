"""Reading Prometheus' text format."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families


def samples(exposition: bytes, name: str) -> list[tuple[Mapping[str, str], float]]:
    """Return labels and value of each sample of a name, as a scraper reads them."""
    families = text_string_to_metric_families(exposition.decode())
    return [(each.labels, each.value) for family in families for each in family.samples if each.name == name]
