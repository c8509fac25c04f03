"""Rehearsing 1.0 with a program's own tests, inside pytest."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from ml_dash.migrate.injection import Call, Injector, install
from ml_dash.migrate.rehearsal import CRASHED, HANDLED, NEVER, Outcome

_PREVIEW = "ML_DASH_FUTURE_STRICT"


class TestRehearsal:
    """Runs each test again, once for each call that it makes first, with that call failing."""

    __test__ = False

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self._new: list[Call] = []
        self._raised: list[Call] = []
        self._failed = False
        self._injector = Injector(self._new.append, self._raised.append)
        self._before = os.environ.get(_PREVIEW)
        os.environ[_PREVIEW] = "1"
        self._restore = install(self._injector)

    def close(self) -> None:
        """Leave everything as it was."""
        self._restore()
        if self._before is None:
            os.environ.pop(_PREVIEW, None)
        else:
            os.environ[_PREVIEW] = self._before

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: Any, nextitem: Any) -> Iterator[Any]:
        """Run a test as usual, then again for each call that was met here first."""
        self._new.clear()
        self._failed = False
        result = yield
        # What a test that fails by itself makes of another failure says nothing.
        for call in [] if self._failed else list(self._new):
            self.outcomes.append(self._again(item, nextitem, call))
        return result

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note whether the test fails by itself."""
        self._failed |= bool(report.failed)

    def _again(self, item: Any, nextitem: Any, call: Call) -> Outcome:
        self._raised.clear()
        self._injector.plan(call)
        item._initrequest()  # its fixtures are made anew
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        self._injector.plan(None)
        failed = [report for report in reports if report.failed]
        if not self._raised:  # made by a fixture of the module or the session, and not made again
            return Outcome(call, NEVER, item.nodeid)
        if not failed:
            return Outcome(call, HANDLED, item.nodeid)
        crash = getattr(failed[0].longrepr, "reprcrash", None)
        said = str(crash.message if crash is not None else failed[0].longrepr).splitlines()
        return Outcome(call, CRASHED, f"{item.nodeid}: {said[0] if said else ''}")

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Say what became of each call."""
        terminalreporter.section("ml-dash: readiness for 1.0")
        for each in self.outcomes:
            terminalreporter.write_line(f"{each.call}  {each.call.raises}  {each.outcome}")
            if each.outcome == CRASHED:
                terminalreporter.write_line(f"    {each.said}")
        counts = Counter(each.outcome for each in self.outcomes)
        never = f"; {counts[NEVER]} were not reached again" if counts[NEVER] else ""
        terminalreporter.write_line(
            f"{len(self.outcomes)} calls may fail from 1.0 on; the tests handle "
            f"{counts[HANDLED]} of these failures{never}."
        )

    def pytest_sessionfinish(self, session: Any) -> None:
        """Fail the session when a failure was not handled."""
        if session.exitstatus == 0 and any(each.outcome == CRASHED for each in self.outcomes):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
