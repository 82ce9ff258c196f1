"""JSON view of a synced row: the request that takes it to Azure, and Azure's last answer."""

import json
from dataclasses import dataclass

from django.conf import settings

from certificates.x509.text import one_line
from namespaces.models import NamespaceConfiguration
from sync.models import SyncedModel


@dataclass(frozen=True)
class JsonView:
    """`sent` is the body of the PUT; `answer` the resource as last read, or empty when Azure has not answered yet."""

    method: str
    url: str
    api_version: str
    sent: str
    answer: str


def json_view_of(row: SyncedModel) -> JsonView:
    properties = row.changed_properties(row.base) if row.is_patched else row.body()
    version = api_version_of(row)
    if isinstance(row, NamespaceConfiguration):
        is_sent_with_webhook = bool(row.webhook_url) and row.is_settled  # nothing to send: how it was sent
        version = row.version_for(row.body() if is_sent_with_webhook else properties) or version
    return JsonView(
        method="PATCH" if row.is_patched else "PUT",
        url=f"{row.arm_id()}?api-version={version}",
        api_version=version,
        sent=as_json({"properties": properties}),
        answer=as_json(row.base) if row.base is not None else "",
    )


def api_version_of(row: SyncedModel) -> str:
    return str(settings.ARM_API_VERSIONS[row.arm_type])


def as_json(value: object) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return "\n".join(one_line(line) for line in text.split("\n"))
