"""Prefixes: parts, safety, templates."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_dash._record import prefix as prefixes
from ml_dash.exceptions import PrefixError

SEGMENT = st.text(st.characters(exclude_characters="/", exclude_categories=["Cc", "Cs"]),
                  min_size=1, max_size=40).filter(lambda text: text not in (".", ".."))  # fmt: skip


@pytest.mark.parametrize(
    ("prefix", "parts"),
    [
        ("o/p/n", ("o", "p", "n")),
        ("/o/p/a/b/n/", ("o", "p", "n")),
        ("o//p", ("o", "p", "p")),
        ("one", (None, None, None)),
        ("", (None, None, None)),
    ],
)
def test_the_parts_of_a_prefix(prefix: str, parts: tuple[str | None, ...]) -> None:
    """Owner, project and name, as in 0.6."""
    found = prefixes.split(prefix)
    assert (found.owner, found.project, found.name) == parts


@given(st.lists(SEGMENT, min_size=1, max_size=6))
def test_a_safe_prefix_stays_below_the_root(segments: list[str]) -> None:
    """What is accepted is a path of exactly these folders below any root."""
    assert prefixes.check("/".join(segments)) == segments
    path = PurePosixPath("/data").joinpath(*segments)
    assert path.is_relative_to("/data")
    assert len(path.parts) == 2 + len(segments)


@pytest.mark.parametrize(
    "prefix",
    ["", "/", "a/../b", "../a/b", "a/./b", "a/b/..", "a/b\0c", "a/b\nc", "a/" + "x" * 256,
     "a/\ud800", "a/..\\..\\x", "a/..\\b", None, 3],
)  # fmt: skip
def test_an_unsafe_prefix_is_refused(prefix: object) -> None:
    """It would leave the root, or no file system could hold it."""
    with pytest.raises(PrefixError, match="prefix") as caught:
        prefixes.check(prefix)  # type: ignore[arg-type]
    assert isinstance(caught.value, (ValueError, KeyError, AttributeError))
    assert caught.value.hint


def test_a_template_is_filled_in() -> None:
    """Fields may name each other; those that the prefix does not need are left alone."""
    fields = {"prefix": "{user}/{project}/{n:03d}", "user": "ann", "project": "{user}s", "n": 7}
    assert prefixes.expand(fields, {})["prefix"] == "ann/anns/007"
    untouched = {"prefix": "a/b", "readme": "{not a field}"}
    assert prefixes.expand(untouched, {}) == untouched


def test_values_are_made_only_when_a_template_names_them() -> None:
    """What cannot be had costs nothing where it is not asked for."""

    def missing() -> str:
        raise PrefixError("nobody is here")

    on_demand = {"user": missing, "day": lambda: "31"}
    assert prefixes.expand({"prefix": "a/{day}"}, on_demand)["prefix"] == "a/31"
    with pytest.raises(PrefixError, match="nobody is here"):
        prefixes.expand({"prefix": "{user}/a"}, on_demand)
    with pytest.raises(PrefixError, match=r"'nope'.*day, prefix, user"):
        prefixes.expand({"prefix": "{nope}"}, on_demand)


@given(st.lists(SEGMENT.filter(lambda text: not {"{", "}"} & set(text)), min_size=3, max_size=3))
def test_a_template_gives_what_its_parts_say(values: list[str]) -> None:
    """Any text without braces goes through unchanged, directly or by another field."""
    fields = {"prefix": "{a}/{b}/{c}", "a": values[0], "b": "{d}", "c": values[1], "d": values[2]}
    found = prefixes.expand(fields, {})["prefix"]
    assert found == f"{values[0]}/{values[2]}/{values[1]}"


@pytest.mark.parametrize("field", ["prefix", "project"])
def test_a_template_that_multiplies_itself_is_refused(field: str) -> None:
    """Two self-references square the text at each pass, until memory is full."""
    fields = {"prefix": "a/{project}", "project": "p"}
    fields[field] = f"{{{field}}}/{{{field}}}"
    with pytest.raises(PrefixError, match="grows without end"):
        prefixes.expand(fields, {})


def test_a_template_that_names_itself_ends() -> None:
    """After ten passes its braces stay."""
    found = prefixes.expand({"prefix": "a/{readme}", "readme": "{readme}"}, {})
    assert found["prefix"] == "a/{readme}"


@pytest.mark.parametrize("template", ["{nope}/x", "{0}/x", "a/{", "a/}{", "{now:%Q%}{now.nope}"])
def test_a_wrong_template_is_refused(template: str) -> None:
    """The error names the field and is a KeyError for old scripts."""
    with pytest.raises(PrefixError, match="prefix") as caught:
        prefixes.expand({"prefix": template, "now": 1}, {})
    assert isinstance(caught.value, KeyError)
    assert "prefix" in str(caught.value)


@given(st.text(max_size=60))
def test_a_text_without_placeholders_is_itself(text: str) -> None:
    """Expansion of ``{EXP...}`` changes nothing else."""
    if "{EXP." not in text:
        assert prefixes.expand_exp(text, lambda _: "x") == text


def test_exp_placeholders() -> None:
    """Each is replaced by the attribute's text; one without value is refused by name."""
    assert prefixes.expand_exp("a/{EXP.id}-{EXP.id}", {"id": 5}.get) == "a/5-5"
    with pytest.raises(PrefixError, match=r"'datetime'.*\{EXP.date\}, \{EXP.id\}") as caught:
        prefixes.expand_exp("{EXP.datetime}", {}.get, ["id", "date"])
    assert isinstance(caught.value, AttributeError)
