"""The verdict on each row of an import: whether it can be registered, why not, and the one fix."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from certificates.authentication.engine import authentication_name_key
from namespaces.client_files.found_rows import CA_CERTIFICATE, PRIVATE_KEY
from namespaces.importing.trust import UNTRUSTED, Trust
from namespaces.models import Client, ClientImport, ImportRow, Namespace
from namespaces.registry import trusted_cas
from namespaces.rights import Reach
from namespaces.rules.clients import (
    MAX_NAME_LENGTH,
    MAX_THUMBPRINTS,
    THUMBPRINT_SCHEME,
    check_state,
    client_problems,
    parse_thumbprints,
)
from namespaces.rules.errors import RuleError

Verdict = ImportRow.Verdict
USE_THUMBPRINT, RENAME, COMPARE, OPEN = "use-thumbprint", "rename", "compare", "open"
SHOW_HOW, UPLOAD_CA = "show-how", "upload-ca"
READY = (Verdict.NEW,)
MAY_CHOOSE = (Verdict.NEW, Verdict.DIFFERS, Verdict.NO_ISSUER)
_JUDGED = ("wanted", "verdict", "why", "fix", "fix_value", "edition", "is_chosen")
_DESCRIBED = ("authentication_name", "validation_scheme", "thumbprints", "state", "description", "attributes")


def wanted_by(row: ImportRow, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what would be registered: the row's own values first, then those for all rows, then the certificate's."""
    own, certificate = row.values, row.certificate
    name = own.get("name") or _proposed_name(own, certificate, options)
    authentication_name = own.get("authentication_name") or certificate.get("name") or name
    scheme = own.get("validation_scheme") or options.get("validation_scheme") or certificate.get("scheme")
    thumbprints = list(own.get("thumbprints") or [])
    if not scheme:
        scheme = THUMBPRINT_SCHEME if thumbprints else "SubjectMatchesAuthenticationName"
    if scheme == THUMBPRINT_SCHEME and not thumbprints and certificate:
        thumbprints = [certificate["thumbprint"]]
    return {
        "name": name,
        "authentication_name": authentication_name,
        "validation_scheme": scheme,
        "thumbprints": thumbprints,
        "state": own.get("state") or options.get("state") or "Enabled",
        "description": own.get("description", ""),
        "attributes": {**options.get("attributes", {}), **own.get("attributes", {})},
    }


def _proposed_name(own: Mapping[str, Any], certificate: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    if certificate and options.get("name_from") == "file":
        return str(certificate.get("stem") or "")
    return str(own.get("authentication_name") or certificate.get("name") or certificate.get("stem") or "")


@dataclass
class _Existing:
    """A client of the namespace, as far as a verdict needs it."""

    pk: int
    name: str
    key: str
    described: dict[str, Any]
    team: int | None
    team_name: str
    edited_generation: int
    is_hidden: bool = False  # another team's, which this person does not see


@dataclass
class _Place:
    """What the rows are compared with, and what rows before took."""

    reach: Reach
    by_name: dict[str, _Existing]
    by_key: dict[str, _Existing]
    trust: Trust
    names: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    thumbprints: dict[str, str] = field(default_factory=dict)


def judge(run: ClientImport, namespace: Namespace) -> None:
    """Judge every row again and save the verdicts. `namespace`: as the person sees it."""
    rows = list(run.rows.defer("cells").order_by("number"))
    before = [_judged(row) for row in rows]
    judge_rows(rows, run.options, namespace)
    changed = [row for row, was in zip(rows, before, strict=True) if _judged(row) != was]
    ImportRow.objects.bulk_update(changed, ["certificate", *_JUDGED], batch_size=500)


def judge_rows(rows: Sequence[ImportRow], options: Mapping[str, Any], namespace: Namespace) -> None:
    """Set the verdicts of the rows of one import, in their order. Nothing is saved."""
    place = _place_of(namespace)
    for row in rows:
        _judge_row(row, options, place)


def _judged(row: ImportRow) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in _JUDGED)


def _place_of(namespace: Namespace) -> _Place:
    rows = Client.objects.present().filter(namespace=namespace)  # hidden ones too: their names are taken
    seen = Client.visible_to(namespace.sight).present().filter(namespace=namespace)
    visible = set(seen.values_list("pk", flat=True)) if namespace.sight.is_partial else None
    columns = ("pk", "name", "authentication_key", *_DESCRIBED, "team_id", "team__name", "edited_generation")
    existing = [
        _Existing(
            pk,
            name,
            key,
            dict(zip(_DESCRIBED, rest[:-3], strict=True)),
            rest[-3],
            rest[-2] or "",
            rest[-1],
            is_hidden=visible is not None and pk not in visible,
        )
        for pk, name, key, *rest in rows.values_list(*columns).iterator(2000)
    ]
    return _Place(
        namespace.rights.reach(Client),
        {each.name.lower(): each for each in existing},
        {each.key: each for each in existing},
        Trust(trusted_cas(namespace), namespace.judged_at(timezone.now())),
    )


def _judge_row(row: ImportRow, options: Mapping[str, Any], place: _Place) -> None:
    was_judged = bool(row.wanted)
    row.fix = row.fix_value = row.edition = ""
    if row.problem:
        row.verdict = Verdict.PRIVATE_KEY if row.problem == PRIVATE_KEY else Verdict.INVALID
        row.fix = {PRIVATE_KEY: SHOW_HOW, CA_CERTIFICATE: UPLOAD_CA}.get(row.problem, "")
        row.is_chosen = False
        return
    row.wanted = wanted_by(row, options)
    row.verdict, row.why = _verdict_of(row, options, place)
    label = row.source if row.place is None else f"{row.source}, row {row.place}"
    place.names.setdefault(row.wanted["name"].lower(), label)
    place.keys.setdefault(authentication_name_key(row.wanted["authentication_name"]), label)
    if row.certificate:
        place.thumbprints.setdefault(row.certificate["thumbprint"], label)
    if row.verdict not in MAY_CHOOSE:
        row.is_chosen = False
    elif not was_judged:
        row.is_chosen = row.verdict in READY


def _verdict_of(row: ImportRow, options: Mapping[str, Any], place: _Place) -> tuple[str, str]:
    wanted = row.wanted
    problems = _problems_of(wanted)
    if problems:
        return Verdict.INVALID, problems[0][:400]
    twin = _twin(row, place)
    if twin:
        return Verdict.DUPLICATE, twin[:400]
    key = authentication_name_key(wanted["authentication_name"])
    named, keyed = place.by_name.get(wanted["name"].lower()), place.by_key.get(key)
    if named is not None:
        if named.is_hidden or named.key != key or not place.reach.covers(named.team):
            return _taken(row, named, place)
        return _beside(row, named, options)
    if keyed is not None and keyed.is_hidden:
        return Verdict.NAME_TAKEN, "A client of another team has this authentication name"
    if keyed is not None:
        row.fix, row.fix_value = OPEN, keyed.name
        return Verdict.NAME_TAKEN, f"{keyed.name} has this authentication name{_of_team(keyed)}"
    if row.certificate and wanted["validation_scheme"] != THUMBPRINT_SCHEME:
        code, sentence = place.trust.of(row.certificate)
        if code == UNTRUSTED:
            row.fix = USE_THUMBPRINT
            return Verdict.NO_ISSUER, sentence[:400]
        return Verdict.NEW, sentence[:400]
    return Verdict.NEW, ""


def _problems_of(wanted: dict[str, Any]) -> list[str]:
    """Return what the rules reject in the values. Thumbprints that they accept are normalized."""
    try:
        problems = client_problems(**{key: value for key, value in wanted.items() if key != "state"})
        check_state(wanted["state"])
    except (TypeError, AttributeError):
        return ["A value of this row is not text."]
    except RuleError as refusal:
        return [refusal.sentence]
    if not problems:
        wanted["thumbprints"] = parse_thumbprints(wanted["thumbprints"], wanted["validation_scheme"])
    return problems


def _twin(row: ImportRow, place: _Place) -> str:
    """Return which row before is the same client; "" for none."""
    thumbprint = row.certificate.get("thumbprint", "")
    if thumbprint and thumbprint in place.thumbprints:
        return f"Same certificate as {place.thumbprints[thumbprint]}"
    if row.wanted["name"].lower() in place.names:
        return f"Same client name as {place.names[row.wanted['name'].lower()]}"
    key = authentication_name_key(row.wanted["authentication_name"])
    return f"Same authentication name as {place.keys[key]}" if key in place.keys else ""


def _taken(row: ImportRow, named: _Existing, place: _Place) -> tuple[str, str]:
    """Return the verdict for a row whose client name another client has."""
    row.fix, row.fix_value = RENAME, _free_name(row.wanted["name"] if named.is_hidden else named.name, place)
    if named.is_hidden:
        return Verdict.NAME_TAKEN, "A client of another team has this name"
    return Verdict.NAME_TAKEN, f"{named.name} is registered{_of_team(named)}"


def _beside(row: ImportRow, named: _Existing, options: Mapping[str, Any]) -> tuple[str, str]:
    """Return the verdict for a row whose client is registered. What neither the file nor the options state stays as it is."""
    row.wanted = _over(row, named, options)
    differing = [name for name in _DESCRIBED if _comparable(row.wanted[name]) != _comparable(named.described[name])]
    row.fix_value = named.name
    if not differing:
        row.fix = OPEN
        return Verdict.EXISTS, "Identical, nothing to do"
    row.fix, row.edition = COMPARE, f"{named.pk}.{named.edited_generation}"
    labels = ", ".join(Client.label_of(name) for name in differing)
    return Verdict.DIFFERS, f"Registered with another value: {labels}"[:400]


def _over(row: ImportRow, named: _Existing, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the registered values with those over them that the row or the options state."""
    held, own = named.described, row.values
    wanted = {"name": row.wanted["name"], **held}
    for name in ("authentication_name", "description"):
        wanted[name] = own.get(name, held[name])
    for name in ("validation_scheme", "state"):
        wanted[name] = own.get(name) or options.get(name) or held[name]
    attributes = {**options.get("attributes", {}), **own.get("attributes", {})}
    wanted["attributes"] = {**held["attributes"], **attributes}
    if wanted["validation_scheme"] != THUMBPRINT_SCHEME:
        wanted["thumbprints"] = []
    elif own.get("thumbprints"):
        wanted["thumbprints"] = row.wanted["thumbprints"]
    elif row.certificate and row.certificate["thumbprint"] not in held["thumbprints"]:
        wanted["thumbprints"] = [row.certificate["thumbprint"], *held["thumbprints"][: MAX_THUMBPRINTS - 1]]
    return wanted


def _comparable(value: Any) -> Any:
    return [str(each).lower() for each in value] if isinstance(value, list) else value


def _of_team(existing: _Existing) -> str:
    return f" and belongs to {existing.team_name}" if existing.team_name else ""


def _free_name(name: str, place: _Place) -> str:
    """Return a name beside a taken one: with the first free letter, else with a number of it."""
    stem = name[: MAX_NAME_LENGTH - 6]
    names = (f"{stem}-{end}" for end in (*"bcdefghijklmnopqrstuvwxyz", *range(2, 10_000)))
    return next(free for free in names if _is_free(free, place))


def _is_free(name: str, place: _Place) -> bool:
    return name.lower() not in place.by_name and name.lower() not in place.names


def counts_of(run: ClientImport) -> dict[str, int]:
    """Return the number of rows of each verdict."""
    return Counter(run.rows.values_list("verdict", flat=True))


def apply_fix(run: ClientImport, rows: Iterable[ImportRow]) -> None:
    """Write the fixes that change what the file says. The rows are judged again afterwards."""
    changed: Sequence[ImportRow] = [row for row in rows if row.fix in {USE_THUMBPRINT, RENAME}]
    for row in changed:
        if row.fix == USE_THUMBPRINT:
            thumbprint = [row.certificate["thumbprint"]]
            row.values = {**row.values, "validation_scheme": THUMBPRINT_SCHEME, "thumbprints": thumbprint}
        else:
            own = (
                {"authentication_name": row.fix_value}
                if not row.values.get("authentication_name") and not row.certificate
                else {}
            )
            row.values = {**row.values, **own, "name": row.fix_value}
        row.wanted = {}  # it is chosen, where it is ready now
    ImportRow.objects.bulk_update(changed, ["values", "wanted"], batch_size=500)
