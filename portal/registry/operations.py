"""Checks of a deployment, and notices that are due."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Shortcoming:
    """A fault of a deployment. `code` is for machines; `fix` is what to do, "" if `problem` includes it."""

    severity: str  # "error" | "warning"
    code: str
    problem: str
    fix: str


DeploymentCheck = Callable[[], Iterable[Shortcoming]]
_deployment_checks: list[DeploymentCheck] = []


def register_deployment_check(check: DeploymentCheck) -> None:
    """Let `manage.py check_deployment` run a check of an app."""
    if check not in _deployment_checks:
        _deployment_checks.append(check)


def deployment_checks() -> tuple[DeploymentCheck, ...]:
    return tuple(_deployment_checks)


# Announces what is due at a time, such as expiries.
NoticeProducer = Callable[[datetime], None]
_notice_producers: list[NoticeProducer] = []


def register_notice_producer(producer: NoticeProducer) -> None:
    """Let an app announce what is due; a worker calls it every quarter of an hour."""
    if producer not in _notice_producers:
        _notice_producers.append(producer)


def notice_producers() -> tuple[NoticeProducer, ...]:
    return tuple(_notice_producers)
