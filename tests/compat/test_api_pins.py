"""Every public name and signature of 0.6 is there, and takes what it took."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.compat import api_check
from tests.compat.old_release import Release

HERE = Path(__file__).parent
PINS: dict[str, Any] = json.loads((HERE / "api_0_6_13.json").read_text(encoding="utf-8"))


def module_of(check_id: str) -> str:
    """Return the module a check is about."""
    return check_id.split(":")[1]


def is_there(module: str) -> bool:
    """Return whether the module exists, without running it."""
    package, _, name = module.rpartition(".")
    return package != "ml_dash" or importlib.util.find_spec(f"{package}.{name}") is not None


def parameters() -> list[Any]:
    """Return all checks; those of modules that later issues bring are skipped until then."""
    made = []
    for check_id, check in api_check.checks(PINS):
        module = module_of(check_id)
        later = next((m for m in PINS["later"] if f"{module}.".startswith(f"{m}.")), None)
        marks = [pytest.mark.remote_client] if module == "ml_dash.client" else []
        if later and not is_there(later):
            marks.append(pytest.mark.skip(reason=f"{later} is built by a later issue"))
        made.append(pytest.param(check, id=check_id, marks=marks))
    return made


@pytest.mark.parametrize("check", parameters())
def test_pin(check: Callable[[], str | None]) -> None:
    """The name is importable, or the signature accepts what the fact sheet says."""
    assert check() is None


@pytest.mark.old_release
@pytest.mark.parametrize("version", ["0.6.13", "0.6.27"])
def test_pins_tell_the_truth(
    version: str, tmp_path: Path, release: Callable[[str], Release]
) -> None:
    """The real release passes every pin except the ones listed as not being in it."""
    done = release(version).run(HERE / "api_check.py", str(HERE / "api_0_6_13.json"), cwd=tmp_path)
    found = json.loads(done.stdout)
    failing = {name for name, problem in found.items() if problem}
    assert failing == set(PINS[f"not_in_{version.replace('.', '_')}"])
    assert len(found) > len(failing) + 300
