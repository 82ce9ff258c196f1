"""Who may publish and subscribe: topic templates, groups and bindings."""

import pytest

from namespaces.authorization.group_queries import Member
from namespaces.authorization.topic_access import PUBLISHER, SUBSCRIBER, Binding, Group, Space, TopicAccess
from namespaces.authorization.topic_templates import TemplateError, member_of, parse_template

PRESS = Member("press-07", {"area": "north", "floor": 7, "lines": ["a", "b"], "bad": "x/y", "flag": True})
NAME, AREA, FLOOR, LINES = (
    "${client.authenticationName}",
    "${client.attributes.area}",
    "${client.attributes.floor}",
    "${client.attributes.lines}",
)

# template, topic or filter, covered
COVERED = [
    ("a/b", "a/b", True),
    ("a/b", "a/c", False),
    ("a/b", "A/b", False),
    ("a/b", "a", False),
    ("a/b", "a/b/c", False),
    ("a/b", "a/+", False),
    ("a/b", "a/#", False),
    ("a/+", "a/b", True),
    ("a/+", "a/+", True),
    ("a/+", "a/", True),
    ("a/+", "a/#", False),
    ("a/+", "a/b/c", False),
    ("a/+", "+/b", False),
    ("+/b", "a/b", True),
    ("+/b", "+/b", True),
    ("+/b", "#", False),
    ("a/#", "a", True),
    ("a/#", "a/b", True),
    ("a/#", "a/b/c/d", True),
    ("a/#", "a/+", True),
    ("a/#", "a/+/c", True),
    ("a/#", "a/#", True),
    ("a/#", "a/b/#", True),
    ("a/#", "b/c", False),
    ("a/#", "+/b", False),
    ("a/#", "#", False),
    ("#", "a/b", True),
    ("#", "#", True),
    ("#", "+", True),
    ("#", "$sys/x", False),
    ("+/x", "$sys/x", False),
    ("$sys/#", "$sys/x", True),
    ("a/+/c", "a/b/c", True),
    ("a/+/c", "a/+/c", True),
    ("a/+/c", "a/+/+", False),
    ("a/+/#", "a/b/c", True),
    ("a/+/#", "a/b", True),
    ("a/+/#", "a", False),
    (f"m/{NAME}/t", "m/press-07/t", True),
    (f"m/{NAME}/t", "m/PRESS-07/t", False),
    (f"m/{NAME}/t", "m/press-08/t", False),
    (f"m/{NAME}/t", "m/+/t", False),
    (f"m/{NAME}/t", "m/#", False),
    (f"m/{NAME}/#", "m/press-07/#", True),
    (f"m/{NAME}/#", "m/press-07", True),
    (f"m/{AREA}", "m/north", True),
    (f"m/{AREA}", "m/south", False),
    (f"m/{FLOOR}", "m/7", True),
    (f"m/{FLOOR}", "m/07", False),
    (f"m/{LINES}/t", "m/a/t", True),
    (f"m/{LINES}/t", "m/b/t", True),
    (f"m/{LINES}/t", "m/c/t", False),
    ("m/${client.attributes.missing}", "m/", False),
    ("m/${client.attributes.missing}", "m/x", False),
    ("m/${client.attributes.bad}", "m/x/y", False),
    ("m/${client.attributes.flag}", "m/True", False),
    ("m/${client.authenticationName|.factory1}/t", "m/press-07.factory1/t", True),
    ("m/${client.authenticationName|.factory1}/t", "m/press-07/t", False),
    ("m/${line-|client.attributes.lines}", "m/line-b", True),
    ("m/${client.attributes.area|-|client.attributes.floor}", "m/north-7", True),
    (f"{NAME}", "press-07", True),
]
BAD_TEMPLATES = [
    ("", "empty"),
    ("a/#/b", "wildcard"),
    ("a/b#", "wildcard"),
    ("a/b+", "wildcard"),
    ("/".join("abcdefghijklmnop"), "too-many-segments"),
    ("x" * 257, "too-long"),
    ("a/\ud800", "not-text"),
    ("a/${client.name}", "unknown-variable"),
    ("a/${principal.authenticationName}", "unknown-variable"),
    ("a/${client.attributes.}", "unknown-variable"),
    ("a/${client.attributes.a-b}", "unknown-variable"),
    ("a/${}", "literal"),
    ("a/${x}", "no-variable"),
    ("a/${client.authenticationName|}", "literal"),
    ("a/${client.authenticationName|+}", "literal"),
    ("a/x${client.authenticationName}", "mixed-segment"),
    ("a/${client.authenticationName}${client.attributes.a}", "mixed-segment"),
    ("a/${client.authenticationName", "mixed-segment"),
    ("a/client.authenticationName}", "mixed-segment"),
    ("a/${client.authenticationName|/b}", "spans-segments"),
]


@pytest.mark.parametrize(("template", "topic", "covered"), COVERED)
def test_a_template_covers_exactly_what_it_should(template: str, topic: str, covered: bool) -> None:
    assert parse_template(template).covers(topic, PRESS) is covered


def test_a_template_has_at_most_15_segments_and_had_8() -> None:
    fifteen = "/".join("abcdefghijklmno")
    assert parse_template(fifteen).covers(fifteen, PRESS)
    assert parse_template("a/b/c/d/e/f/g/h", max_segments=8).covers("a/b/c/d/e/f/g/h", PRESS)
    with pytest.raises(TemplateError) as raised:
        parse_template("a/b/c/d/e/f/g/h/i", max_segments=8)
    assert raised.value.code == "too-many-segments"


@pytest.mark.parametrize(("template", "code"), BAD_TEMPLATES)
def test_an_invalid_template_is_refused_with_its_code(template: str, code: str) -> None:
    with pytest.raises(TemplateError) as raised:
        parse_template(template)
    assert raised.value.code == code
    assert str(raised.value).endswith(".") or code == "mixed-segment"  # that one ends with an example


def test_a_template_shows_its_variables_and_what_they_stand_for() -> None:
    template = parse_template(f"m/{LINES}/${{client.authenticationName|.x}}/+")
    assert template.variables == ("client.attributes.lines", "client.authenticationName")
    assert template.filled(PRESS) == ("m/a/press-07.x/+", "m/b/press-07.x/+")
    assert parse_template("m/${client.attributes.missing}").filled(PRESS) == ()


RULES = TopicAccess(
    groups=(
        Group("presses", "attributes.floor = 7"),
        Group("robots", "attributes.kind = 'robot'"),
        Group("broken", "="),
    ),
    spaces=(
        Space("own", (f"m/{NAME}/#",)),
        Space("north", ("plant/north/+", "plant/all")),
        Space("commands", ("cmd/#",)),
        Space("Odd", ("a/#/b", "odd/1")),
    ),
    bindings=(
        Binding("everyone-own", "$all", "own", PUBLISHER),
        Binding("everyone-hears-own", "$all", "own", SUBSCRIBER),
        Binding("presses-north", "Presses", "NORTH", PUBLISHER),
        Binding("robots-commands", "robots", "commands", SUBSCRIBER),
        Binding("broken-commands", "broken", "commands", PUBLISHER),
        Binding("nobody", "missing-group", "commands", PUBLISHER),
        Binding("nowhere", "$all", "missing-space", PUBLISHER),
        Binding("odd", "$all", "odd", PUBLISHER),
    ),
)
ROBOT = member_of("robot-1", {"kind": "robot"})


@pytest.mark.parametrize(
    ("member", "topic", "binding"),
    [
        (PRESS, "m/press-07/state", "everyone-own"),
        (ROBOT, "m/robot-1/state", "everyone-own"),
        (PRESS, "m/robot-1/state", ""),
        (PRESS, "plant/north/1", "presses-north"),
        (PRESS, "plant/all", "presses-north"),
        (PRESS, "plant/south/1", ""),
        (ROBOT, "plant/north/1", ""),
        (ROBOT, "cmd/go", ""),
        (PRESS, "elsewhere", ""),
        (PRESS, "odd/1", "odd"),
    ],
)
def test_who_may_publish_where(member: Member, topic: str, binding: str) -> None:
    access = RULES.may_publish(member, topic)
    assert (access.allowed, access.binding) == (bool(binding), binding), access.sentence
    assert access.sentence.endswith(".")
    assert access.allowed or access.fix.endswith(".")


@pytest.mark.parametrize(
    ("member", "topic_filter", "allowed"),
    [
        (PRESS, "m/press-07/#", True),
        (PRESS, "m/+/state", False),
        (PRESS, "#", False),
        (ROBOT, "cmd/#", True),
        (ROBOT, "cmd/+/go", True),
        (PRESS, "cmd/#", False),
        (PRESS, "plant/north/1", False),
        (PRESS, "$share/workers/m/press-07/#", True),
        (PRESS, "$share/workers/m/robot-1/#", False),
        (ROBOT, "$share/cmd/cmd/#", True),
        (ROBOT, "$share/cmd/#", False),
    ],
)
def test_who_may_subscribe_to_what(member: Member, topic_filter: str, allowed: bool) -> None:
    assert RULES.may_subscribe(member, topic_filter).allowed is allowed


def test_a_shared_subscription_is_explained_by_its_filter() -> None:
    found = RULES.explain(ROBOT, "$share/workers/cmd/#", SUBSCRIBER)
    assert (found.access.allowed, found.access.binding) == (True, "robots-commands")
    assert [space.name for space in found.spaces if space.covers] == ["commands"]
    assert "'$share/workers/cmd/#'" in found.access.sentence
    assert (
        not RULES.explain(ROBOT, "$share/workers/cmd/go", PUBLISHER).spaces[2].covers
    )  # a message's topic is its topic


def test_a_refusal_says_which_part_is_missing() -> None:
    nowhere = RULES.may_publish(PRESS, "elsewhere")
    assert (nowhere.allowed, nowhere.space) == (False, "")
    assert "elsewhere" in nowhere.sentence
    unbound = RULES.may_publish(ROBOT, "cmd/go")
    assert (unbound.allowed, unbound.space) == (False, "commands")
    assert "$all, robots" in unbound.sentence
    assert "Publisher" in unbound.fix


def test_groups_follow_the_attributes() -> None:
    assert RULES.groups_of(PRESS) == ("$all", "presses")
    assert RULES.groups_of(ROBOT) == ("$all", "robots")
    assert RULES.groups_of(member_of("new", None)) == ("$all",)


def test_without_rules_nothing_is_allowed() -> None:
    assert TopicAccess().is_empty
    assert not TopicAccess().may_publish(PRESS, "a").allowed
    assert not TopicAccess(spaces=(Space("s", ("a",)),)).is_empty
