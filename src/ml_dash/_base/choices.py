"""Choosing stages of flags: the words, and which of several places is heard."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ml_dash.exceptions import ConfigurationError
from ml_dash.flags import FLAGS, LOCKED, OFF, ON, RELEASE, RELEASES, TABLE, Flag, flag_named


@dataclass(frozen=True)
class Choice:
    """One word of a choice: a release, or a flag turned on or off.

    Raises:
        ConfigurationError: the word is neither.
    """

    word: str

    def __post_init__(self) -> None:
        if self.word not in RELEASES and self.flag is None:
            raise unknown(self.word)

    @property
    def flag(self) -> Flag | None:
        """The flag; None for a release."""
        plain = self.word.lstrip("-")
        return flag_named(plain)

    @property
    def on(self) -> bool:
        """Whether it is turned on."""
        return not self.word.startswith("-")


def unknown(word: str) -> ConfigurationError:
    """Return the error for a word that names nothing, with the nearest that does."""
    words = [*RELEASES, *FLAGS]
    near = difflib.get_close_matches(word.lstrip("-"), words, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return ConfigurationError(
        f"{word!r} is no flag and no release",
        hint=f"{hint}Use a release ({', '.join(RELEASES)}), or names of flags, with - in front "
        f"to turn one off: {', '.join(FLAGS)}",
        context={"value": word},
    )


def parse(given: str | Iterable[str]) -> tuple[Choice, ...]:
    """Read a choice such as ``0.9,-cli_exit_codes``, or a list of such words.

    Raises:
        ConfigurationError: a word is no flag and no release.
    """
    if not isinstance(given, (str, list, tuple, set, frozenset)):
        raise ConfigurationError(
            f"A choice of flags is {given!r}", hint="Give text, or a list of texts"
        )
    parts = given.split(",") if isinstance(given, str) else list(given)
    if not all(isinstance(part, str) for part in parts):
        raise ConfigurationError(f"A choice of flags is {given!r}", hint="Give a list of texts")
    return tuple(Choice(word) for part in parts for word in part.replace(",", " ").split())


@dataclass(frozen=True)
class Layer:
    """What one place chooses.

    Attributes:
        source: The place, as users know it: ``ML_DASH_FUTURE``.
        choices: Its words.
    """

    source: str
    choices: tuple[Choice, ...]

    @property
    def release(self) -> str | None:
        """The last release named."""
        named = [choice.word for choice in self.choices if choice.flag is None]
        return named[-1] if named else None

    def says_of(self, flag: Flag) -> bool | None:
        """Return what is chosen for a flag by its name; None if it is not named."""
        named = [choice.on for choice in self.choices if choice.flag is flag]
        return named[-1] if named else None


@dataclass(frozen=True)
class Setting:
    """What holds for one flag.

    Attributes:
        flag: The flag.
        stage: ``off`` (old), ``warn`` (old, with a word about it), ``on`` or ``locked`` (new).
        source: Where that comes from.
        overridden: The places that say otherwise and are not heard.
    """

    flag: Flag
    stage: str
    source: str
    overridden: tuple[str, ...] = ()

    @property
    def on(self) -> bool:
        """Whether the new behaviour holds."""
        return self.stage in (ON, LOCKED)


@dataclass(frozen=True)
class Flags:
    """What holds for all flags, resolved once.

    Attributes:
        release: The release that is emulated, or is.
        refused: Choices of old behaviour that is gone; the new one holds all the same.
    """

    release: str
    settings: Mapping[str, Setting]
    refused: tuple[ConfigurationError, ...] = ()

    def __getitem__(self, flag: Flag | str) -> Setting:
        return self.settings[flag if isinstance(flag, str) else flag.name]

    def __iter__(self) -> Iterator[Setting]:
        return iter(self.settings.values())


def resolve(layers: Iterable[Layer], running: str = RELEASE) -> Flags:
    """Return what holds, given what each place chooses, the most important place first.

    Within a place, a flag's name counts more than a release.

    Args:
        layers: The places that choose.
        running: The release that runs.
    """
    places = list(layers)
    base = next((place.release for place in places if place.release), running)
    settings, refused = {}, []
    for flag in TABLE:
        setting, problem = _resolve_one(flag, places, base, running)
        settings[flag.name] = setting
        refused += [problem] if problem else []
    return Flags(base, settings, tuple(refused))


def _resolve_one(
    flag: Flag, places: list[Layer], base: str, running: str
) -> tuple[Setting, ConfigurationError | None]:
    said = []
    for place in places:
        named = place.says_of(flag)
        if named is not None:
            said.append((ON if named else OFF, place.source))
        elif place.release:
            said.append((flag.stage(place.release), f"{place.source}={place.release}"))
    said.append((flag.stage(running), f"release {running}"))
    stage, source = said[0]
    locked = next((each for each in (running, base) if flag.stage(each) == LOCKED), None)
    overridden = tuple(where for other, where in said[1:-1] if _new(other) != _new(stage))
    if locked is None:
        return Setting(flag, stage, source, overridden), None
    where = source if _new(stage) else f"release {locked}"
    problem = None if _new(stage) else _gone(flag, source, locked)
    return Setting(flag, LOCKED, where, overridden), problem


def _new(stage: str) -> bool:
    return stage in (ON, LOCKED)


def _gone(flag: Flag, source: str, locked: str) -> ConfigurationError:
    return ConfigurationError(
        f"{source} asks for the old behaviour of {flag.name} ({flag.id}), which is gone since "
        f"{flag.since(LOCKED)} (release {locked} is in force)",
        kept="the new behaviour holds",
        hint=f"Remove the choice, and see {flag.anchor}",
        context={"flag": flag.id, "source": source},
    )
