"""How the tests are distributed over the processes of a parallel run (`pytest -n 2`)."""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

IN_A_BROWSER = "tests/e2e/"
WITH_A_DEMO_OF_THEIR_OWN = ("tests/e2e/test_accessible.py", "tests/e2e/test_single_sign_on.py")
WITH_LONG_WAITS = "tests/emulator/"
HUNDREDS_OF_CASES = "tests/portal/test_fuzz.py"
ABOUT_THE_SOURCE = ("tests/test_architecture.py", "tests/test_policy.py")


class SharedDemo(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Run the tests in a browser in one process, which shares a demo and a browser; the others wherever there is time.

    Modules with a demo of their own may run in another process meanwhile: one after the other they all would take longer
    than the rest. The cases of one test stay together, apart from
    those of the fuzzing, which take half an hour. One process reads the source of the product, which takes seconds.
    (The marks of `--dist loadgroup` have no effect in pytest 9.2 with pytest-xdist 3.8.)
    """

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(HUNDREDS_OF_CASES):
            return nodeid
        if nodeid.startswith(ABOUT_THE_SOURCE):
            return ABOUT_THE_SOURCE[0]
        own = next(filter(nodeid.startswith, WITH_A_DEMO_OF_THEIR_OWN), None)
        if own:
            return own
        return IN_A_BROWSER if nodeid.startswith(IN_A_BROWSER) else nodeid.partition("[")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> SharedDemo:
    config.option.loadscopereorder = False  # keep the order below
    return SharedDemo(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests in a browser, which together take the longest, beside those that wait and leave them the processor.

    What runs last is short, so that no process waits long for another at the end: the fuzzing, its pages after its forms.
    """
    order = (IN_A_BROWSER, WITH_LONG_WAITS, "", f"{HUNDREDS_OF_CASES}::test_forms", HUNDREDS_OF_CASES)
    items.sort(key=lambda item: order.index(max(filter(item.nodeid.startswith, order), key=len)))
