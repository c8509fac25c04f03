"""Which of several places is heard, for each flag, at each release."""

from __future__ import annotations

import pytest

from ml_dash._base.choices import Flags, Layer, parse, resolve
from ml_dash.exceptions import ConfigurationError
from ml_dash.flags import FLAGS, LOCKED, OFF, ON, RELEASES, TABLE, WARN


def layers(*said: tuple[str, str]) -> list[Layer]:
    """Return layers from pairs of source and words."""
    return [Layer(source, parse(words)) for source, words in said]


def stages(flags: Flags) -> set[str]:
    """Return the stages that hold."""
    return {setting.stage for setting in flags}


@pytest.mark.parametrize(
    ("release", "stage"),
    [("0.6", OFF), ("0.7", WARN), ("0.8", WARN), ("0.9", ON), ("1.0", LOCKED)],
)
def test_each_stop_of_the_train(release: str, stage: str) -> None:
    """Emulated from 0.7, or running, a release has the stage that the table gives it."""
    assert stages(resolve([], running=release)) == {stage}
    emulated = resolve(layers(("ML_DASH_FUTURE", release)), running="0.7")
    assert stages(emulated) == {stage}
    assert emulated.release == release
    assert emulated.refused == ()


def test_a_name_beats_a_release_and_the_first_place_beats_the_next() -> None:
    """Within a place names count more; between places the order does."""
    flags = resolve(
        layers(("future=", "-lookups_raise"), ("ML_DASH_FUTURE", "0.9,lookups_raise"),
               ("pyproject.toml", "-values_checked,credentials_raise")),
        running="0.7",
    )  # fmt: skip
    assert (flags["lookups_raise"].stage, flags["lookups_raise"].source) == (OFF, "future=")
    assert flags["lookups_raise"].overridden == ("ML_DASH_FUTURE",)
    assert (flags["values_checked"].on, flags["values_checked"].source) == (
        True, "ML_DASH_FUTURE=0.9",
    )  # fmt: skip
    assert flags["values_checked"].overridden == ("pyproject.toml",)
    assert flags["credentials_raise"].overridden == ()


def test_the_last_of_two_words_for_one_flag_counts() -> None:
    """As with the options of a command line."""
    flags = resolve(layers(("future=", "lookups_raise,-lookups_raise")), running="0.7")
    assert flags["lookups_raise"].stage == OFF


def test_an_explicit_choice_silences_either_way() -> None:
    """Old behaviour that was asked for is not warned of."""
    for word, stage in (("lookups_raise", ON), ("-lookups_raise", OFF), ("-MLD001", OFF)):
        assert resolve(layers(("future=", word)), running="0.8")["lookups_raise"].stage == stage


def test_old_behaviour_that_is_gone_is_refused() -> None:
    """On 1.0 the new one holds, and the error says since when and what to do."""
    flags = resolve(layers(("ML_DASH_FUTURE", "-lookups_raise")), running="1.0")
    assert flags["lookups_raise"].stage == LOCKED
    (problem,) = flags.refused
    assert "gone since 1.0" in problem.message
    assert "MIGRATION.md#mld001-lookups_raise" in str(problem)
    assert len(resolve(layers(("ML_DASH_FUTURE", "0.6")), running="1.0").refused) == len(TABLE)


def test_new_behaviour_stays_legal_for_ever() -> None:
    """Whoever chose it early need not take the choice out."""
    flags = resolve(layers(("future=", "lookups_raise"), ("pyproject.toml", "0.9")), running="1.0")
    assert flags.refused == ()
    assert stages(flags) == {LOCKED}


@pytest.mark.parametrize(
    ("given", "hint"),
    [("lookup_raise", "'lookups_raise'"), ("2.0", "1.0"), ("-", "lookups_raise"), ("0,9", "0.9")],
)
def test_unknown_words(given: str, hint: str) -> None:
    """The error names the nearest word, or all of them."""
    with pytest.raises(ConfigurationError) as caught:
        parse(given)
    assert hint in str(caught.value)


@pytest.mark.parametrize("given", [3, [1], object(), {"a": 1}, b"0.9"])
def test_a_choice_of_the_wrong_type(given: object) -> None:
    """It is no choice at all."""
    with pytest.raises(ConfigurationError, match="choice of flags"):
        parse(given)  # type: ignore[arg-type]


def test_forms_of_a_choice() -> None:
    """Commas, spaces, lists, ids in any case, and nothing at all."""
    assert [c.word for c in parse(" 0.9, -cli_exit_codes ")] == ["0.9", "-cli_exit_codes"]
    assert [c.flag for c in parse(["mld001", "MLD002"])] == [*FLAGS.values()][:2]
    assert parse("") == parse([]) == ()


def test_the_table_is_in_order() -> None:
    """Ids count up, names differ, stages only move forward along known releases."""
    assert [flag.id for flag in TABLE] == [f"MLD{n:03}" for n in range(1, len(TABLE) + 1)]
    assert len(FLAGS) == len(TABLE) <= 8
    for flag in TABLE:
        releases = [RELEASES.index(release) for release, _ in flag.stages]
        assert releases == sorted(set(releases))
        assert [stage for _, stage in flag.stages] == [OFF, WARN, ON, LOCKED]
