"""Example content for the style guide, which shows every component while DEBUG is on."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms

AT = datetime(2026, 11, 23, 10, 2, 11, tzinfo=UTC)
THUMBPRINT = "a3f19c0251d80e775d7791aac7a044b103fe9e0277c14b6c0d2e8f5a10c7be40"


@dataclass(frozen=True)
class SampleRow:
    name: str
    second: str
    subject: str
    thumbprint: str
    not_before: datetime
    not_after: datetime
    state: str


@dataclass(frozen=True)
class SampleStep:
    title: str
    outcome: str
    sentence: str = ""
    values: tuple[tuple[str, str], ...] = ()
    fix: str = ""


class SampleForm(forms.Form):
    """One field of each kind; bound, so that errors are shown too."""

    name = forms.CharField(
        label="Certificate name", help_text="3 to 50 letters, digits and hyphens, unique in this namespace."
    )
    scheme = forms.ChoiceField(
        label="Client certificate authentication validation scheme",
        choices=[("s", "Subject Matches Authentication Name"), ("d", "Dns Matches Authentication Name")],
    )
    state = forms.ChoiceField(
        label="Connection state",
        choices=[("Enabled", "Enabled"), ("Disabled", "Disabled")],
        widget=forms.RadioSelect,
        required=False,
    )
    confirmed = forms.BooleanField(label="I know that its sessions end", required=False)
    description = forms.CharField(label="Description", widget=forms.Textarea(attrs={"rows": 3}), required=False)
    authentication_name = forms.CharField(
        label="Client authentication name", help_text="1 to 128 characters, unique in this namespace ignoring case."
    )
    file = forms.FileField(label="Certificate file", required=False)


def _rows() -> list[SampleRow]:
    def row(name: str, second: str, subject: str, before: int, after: int, state: str) -> SampleRow:
        return SampleRow(
            name, second, subject, THUMBPRINT, AT - timedelta(days=before), AT + timedelta(days=after), state
        )

    return [
        row(
            "plant-intermediate", "signed 96 known clients", "CN=Plant Intermediate CA,O=Contoso", 294, 71, "Succeeded"
        ),
        row("line-b-issuing", "expires in 21 days · 31 clients", "CN=Line B Issuing CA", 344, 21, "Succeeded"),
        row("retrofit-root", "never used yet", "CN=Retrofit Root CA", 5, 3648, "Syncing"),
        row("line-c-old", "Azure refused it", "CN=Line C CA", 400, -12, "Failed"),
        row("line-d", "just saved", "CN=Line D CA", 1, 100, "Pending"),
    ]


def _steps() -> list[SampleStep]:
    return [
        SampleStep("Certificate read", "passed", "CN=client1-authnID, EC P-256, serial 0A3F…91"),
        SampleStep("Within its validity", "passed", "03 Sep 2026 to 14 May 2027; tested at 01 Mar 2027 10:00 UTC"),
        SampleStep(
            "DNS name does not match the authentication name",
            "failed",
            "press-07 uses Dns Matches Authentication Name, so one DNS name in the certificate must equal the authentication name.",
            (
                ("authentication name", "client1-authnID"),
                ("DNS names presented", "client1-authn-id, plant.contoso.local"),
            ),
            "switch press-07 to Subject Matches Authentication Name.",
        ),
        SampleStep("Thumbprint registered", "not reached"),
    ]


def samples() -> dict[str, Any]:
    form = SampleForm(
        {"name": "line-c-intermediate", "scheme": "s", "state": "Enabled", "authentication_name": "press-07"}
    )
    form.add_error(
        "authentication_name", "press-07 is already the authentication name of the client press-7. Choose another."
    )
    return {
        "at": AT,
        "form": form,
        "rows": _rows(),
        "steps": _steps(),
        "thumbprint": THUMBPRINT,
        "states": ["Pending", "Syncing", "Succeeded", "Failed", "Deleting", "Enabled", "Disabled"],
        "facts": [
            ("Subject", "CN=Plant Intermediate CA,O=Contoso"),
            ("Issuer", "CN=Contoso Root CA,O=Contoso"),
            ("Key", "EC P-256, ECDSA with SHA-256"),
            ("Can issue", "end-entity certificates only (path length 0)"),
        ],
    }
