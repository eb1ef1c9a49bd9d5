"""What all tests share: the async backend, and the rule that recorded market data are used wherever they exist."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests import real_data

# A busy machine is no reason for a property to fail; what has to be fast is measured by `make bench`.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

_MARKER = "real_data"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # an xdist worker reports to the process that counts
        config.pluginmanager.register(_Tally(), "real-data-tally")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if real_data.FOLDER.is_dir():
        return
    absent = pytest.mark.skip(reason=f"{real_data.FOLDER} does not exist; DEALER_TEST_DATA can name another folder")
    for item in items:
        if item.get_closest_marker(_MARKER):
            item.add_marker(absent)


class _Tally:
    """Counts the tests on recorded data; a run that skips one although the folder exists has failed."""

    def __init__(self) -> None:
        self.ran: set[str] = set()
        self.skipped: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if _MARKER not in report.keywords:
            return
        if report.skipped:
            self.skipped.add(report.nodeid)
        elif report.when == "call" or report.failed:
            self.ran.add(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
        if self.skipped and real_data.FOLDER.is_dir() and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not real_data.FOLDER.is_dir():
            if self.skipped:
                terminalreporter.write_line(f"real data: {len(self.skipped)} tests skipped, {real_data.FOLDER} does not exist")
            return
        if self.ran or self.skipped:
            terminalreporter.write_line(f"real data: {len(self.ran)} tests ran on {real_data.FOLDER}")
        for name in sorted(self.skipped):
            terminalreporter.write_line(f"real data: FAILED, {name} was skipped although the folder exists", red=True)
