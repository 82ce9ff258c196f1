"""Run the tests that depend on the date, with the clock ten years ahead: `python -m tests.future [arguments of pytest]`.

They show what depends on today's date without need: a certificate that has expired by then, a year in the code. The
monotonic clock stays true, since timeouts and leases measure with it.

Tests that fail have a second try (tests.second_try): a fault of the date fails each time.
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.second_try import run_twice

AHEAD = "+3652d"
IN_THE_PACKAGE = "vendor/libfaketime/src/libfaketime.so.1"
# Measured with a profile of their calls: these never read the clock, as pure packages take the time as an argument.
WITHOUT_A_CLOCK = (
    "tests/certificates/authentication",
    "tests/certificates/decisions",
    "tests/certificates/diagnosis",
    "tests/certificates/reach/test_name_constraints.py",
    "tests/certificates/samples/test_chain.py",
    "tests/certificates/x509",
    "tests/documents/test_commands_exist.py",
    "tests/emulator/mqtt/wire/test_fast_reading.py",
    "tests/namespaces/authorization",
    "tests/namespaces/rules",
    "tests/portal/pages/test_times_in_text.py",
    "tests/test_architecture.py",
    "tests/test_fidelity.py",
    "tests/test_policy.py",
)
# No date changes what these look at: packets and workers on the monotonic clock, processes, private keys, rights, editions.
WITHOUT_A_DATE = (
    "tests/certificates/pages/authentication_trace/test_authentication_trace_fuzzing.py",
    "tests/deployment",
    "tests/emulator/arm/test_limits.py",
    "tests/emulator/arm/test_mutations.py",
    "tests/emulator/mqtt/authorization",
    "tests/emulator/mqtt/clients/test_mosquitto_bridge.py",
    "tests/emulator/mqtt/clients/test_mqtt_js.py",
    "tests/emulator/mqtt/clients/test_try_it.py",
    "tests/emulator/mqtt/http_api/test_http_connection.py",
    "tests/emulator/mqtt/http_api/test_http_fuzzing.py",
    "tests/emulator/mqtt/http_api/test_publishing.py",
    "tests/emulator/mqtt/listeners/test_by_host_name.py",
    "tests/emulator/mqtt/sessions/test_event_grid_limits.py",
    "tests/emulator/mqtt/sessions/test_limits.py",
    "tests/emulator/mqtt/sessions/test_messages.py",
    "tests/emulator/mqtt/sessions/test_sessions.py",
    "tests/emulator/mqtt/sessions/test_shared_fuzzing.py",
    "tests/emulator/mqtt/sessions/test_shared_groups.py",
    "tests/emulator/mqtt/sessions/test_shared_subscriptions.py",
    "tests/emulator/mqtt/sessions/test_wills_and_keep_alive.py",
    "tests/emulator/mqtt/transport/test_closing.py",
    "tests/emulator/mqtt/transport/test_robustness.py",
    "tests/emulator/mqtt/transport/test_websocket.py",
    "tests/emulator/mqtt/wire",
    "tests/emulator/test_alone.py",
    "tests/emulator/test_process.py",
    "tests/key_watch",
    "tests/namespaces/client_imports/test_hostile_files.py",
    "tests/namespaces/recreation",
    "tests/namespaces/test_lost_update_race.py",
    "tests/namespaces/test_lost_updates.py",
    "tests/namespaces/test_lost_updates_of_many.py",
    "tests/namespaces/test_rights.py",
    "tests/portal/demo/test_supervisor.py",
    "tests/portal/people/test_migrations.py",
    "tests/portal/serving/test_bounded_worker.py",
    "tests/portal/serving/test_edges.py",
    "tests/portal/serving/test_shared_connections.py",
    "tests/portal/serving/test_sign_in_lanes.py",
    "tests/portal/single_sign_on/test_configuration.py",
    "tests/portal/single_sign_on/test_faults.py",
    "tests/portal/test_filesystem_transport.py",
    "tests/portal/test_publishing.py",
    "tests/portal/web/test_csv_files.py",
    "tests/portal/web/test_private_keys.py",
    "tests/sync/arm/test_credentials.py",
    "tests/sync/pages/test_fault_training.py",
    "tests/sync/push/test_database_faults.py",
    "tests/sync/push/test_pump.py",
    "tests/sync/test_migrations.py",
    "tests/sync/test_private_keys.py",
    "tests/test_rows_seen.py",
    "tests/test_second_try.py",
)
# These walk the pages that tests/portal/access walks with the same rows, for other reasons than their dates.
THE_SAME_PAGES = (
    "tests/portal/serving/test_head.py",
    "tests/portal/test_bad_input.py",
    "tests/portal/test_fuzz.py",
    "tests/portal/test_hidden_rows.py",
    "tests/portal/test_hostile_strings.py",
    "tests/portal/test_other_verbs.py",
    "tests/portal/shell/test_pages.py",
)
# And these ask for pages as everyone who may not see them. The others of that file ask as the strongest person only.
RIGHTS = (
    "tests/portal/access/test_objects.py::test_a_reader_sees_no_buttons_that_change_anything",
    "tests/portal/access/test_objects.py::test_an_object_of_another_namespace_is_not_found",
    "tests/portal/access/test_objects.py::test_hidden_rows_are_not_found_by_anyone_of_another_team",
    "tests/portal/access/test_objects.py::test_hiding_takes_nothing_from_owners_and_the_own_team",
)


def library() -> Path | None:
    """Return the path of libfaketime, from its package or the system's."""
    package = find_spec("libfaketime")
    folders = [Path(place) / IN_THE_PACKAGE for place in package.submodule_search_locations or ()] if package else []
    system = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    return next((path for path in (*folders, *system) if path.is_file()), None)


def main() -> int:
    """Run pytest with the clock ahead, and return the exit code."""
    found = library()
    if found is None:
        raise SystemExit("libfaketime is missing. Install it: pip install libfaketime, or apt install faketime.")
    ahead = {
        "LD_PRELOAD": str(found),
        "FAKETIME": AHEAD,
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    ignored = [f"--ignore={path}" for path in (*WITHOUT_A_CLOCK, *WITHOUT_A_DATE, *THE_SAME_PAGES)]
    ignored += [f"--deselect={test}" for test in RIGHTS]
    return run_twice(["-m", "not e2e and not long", *ignored, *sys.argv[1:]], os.environ | ahead)


if __name__ == "__main__":
    sys.exit(main())
