"""Every line of the audit and every error site has its test, or the reason why it cannot occur."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.contract import naming
from tests.contract.audit import AUDIT_LINES, IN_WORK, LETTERS, parts
from tests.contract.sites.kinds import Answer, Gone, Later, Site, Test

PARTS = sorted(parts())
FEWEST_WORDS = 6


def answers(site: Site) -> tuple[Answer, ...]:
    """Return what is said of a site, one thing or several."""
    return site if isinstance(site, tuple) else (site,)


def faults_of(site: str, answer: Answer) -> list[str]:
    """Return what is wrong with one answer."""
    match answer:
        case Test(names=names):
            found = [naming.trouble_with(name) for name in names] if names else ["names no test"]
            return [f"{site}: {fault}" for fault in found if fault]
        case Gone(reason=reason):
            return [] if len(reason.split()) >= FEWEST_WORDS else [f"{site}: says too little"]
        case Later(reason=reason):
            told = re.fullmatch(r"issue [456]: (\S+ ){4,}\S+", reason)
            return [] if told else [f"{site}: names no issue, or not what is to be shown"]


def test_the_list_is_closed() -> None:
    """230 sites and 33 lines: a list that shrinks is noticed."""
    assert sum(count for _, count, _ in LETTERS.values()) == 230
    assert len(AUDIT_LINES) == len(set(AUDIT_LINES)) == 33


@pytest.mark.parametrize("part", PARTS)
def test_every_id_is_there_and_no_other(part: str) -> None:
    """A site without an answer fails, and so does an id that nobody gave."""
    expected, told = parts()[part]
    missing = [site for site in expected if site not in told]
    assert not set(told) - set(expected)
    assert bool(missing) == (part in IN_WORK), f"{part} lacks {missing}"


@pytest.mark.parametrize("part", PARTS)
def test_every_id_is_written_once(part: str) -> None:
    """A key that stands twice in the table would hide the first answer."""
    file = "audit_lines" if part == "audit" else part.lower()
    path = Path(__file__).parent / "sites" / f"{file}.py"
    keys = re.findall(r'^ {4}"([^"]+)":', path.read_text("utf-8"), re.MULTILINE)
    assert [key for key, count in Counter(keys).items() if count > 1] == []
    assert set(keys) == set(parts()[part][1])


@pytest.mark.parametrize("part", PARTS)
def test_every_answer_holds(part: str) -> None:
    """Named tests exist and run; a reason says something."""
    told = parts()[part][1]
    faults = [f for site in told for answer in answers(told[site]) for f in faults_of(site, answer)]
    assert not faults


def test_no_reason_is_a_phrase() -> None:
    """A reason that fits two sites explains neither."""
    reasons = Counter(
        answer.reason
        for _, told in parts().values()
        for site in told.values()
        for answer in answers(site)
        if isinstance(answer, Gone)
    )
    assert [reason for reason, count in reasons.items() if count > 1] == []


@pytest.mark.parametrize(
    ("name", "trouble"),
    [
        ("tests/contract/test_audit.py::test_the_list_is_closed", None),
        ("tests/contract/test_audit.py::test_nothing", "has no test_nothing"),
        ("tests/contract/test_audit.py::answers", "names no test"),
        ("tests/contract/test_audit.py", "names no test"),
        ("tests/contract/test_nowhere.py::test_x", "is no test file"),
        ("src/ml_dash/testing.py::Run", "is no test file"),
    ],
)
def test_a_name_without_a_test_is_seen(name: str, trouble: str | None) -> None:
    """The table cannot rest on a test that is not there."""
    found = naming.trouble_with(name)
    assert found is None if trouble is None else found is not None and trouble in found


@pytest.mark.parametrize(
    "text",
    [
        "import pytest\n@pytest.mark.skip\ndef test_x(): ...\n",
        "import pytest\n@pytest.mark.xfail(reason='')\ndef test_x(): ...\n",
        "import pytest\npytestmark = [pytest.mark.skip]\ndef test_x(): ...\n",
        "import pytest\ndef test_x():\n    pytest.skip('')\n",
    ],
)
def test_a_test_that_never_runs_is_seen(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table cannot rest on a test that is skipped."""
    monkeypatch.setattr(naming, "ROOT", tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_x.py").write_text(text)
    assert "never run" in str(naming.trouble_with("tests/test_x.py::test_x"))
