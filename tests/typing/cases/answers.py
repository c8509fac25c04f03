"""What each form of a call answers, as type checkers tell users."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from typing_extensions import assert_type

from ml_dash import Experiment, LocalStorage, MLDashError, RemoteClient, error_mode, future
from ml_dash.auth.token_storage import PlaintextFileStorage, decode_jwt_payload_or_raise
from ml_dash.client import UserInfo
from ml_dash.log import LogBuilder


def client(client: RemoteClient) -> None:
    """Old: None may come; or_raise: never; or_none: only for what is not there."""
    assert_type(client.get_project_id("vision"), str | None)
    assert_type(client.get_project_id_or_none("vision"), str | None)
    assert_type(client.get_project_id_or_raise("vision"), str)
    assert_type(client.get_current_user(), dict[str, Any] | None)
    assert_type(client.get_current_user_or_raise(), dict[str, Any])
    assert_type(client.get_experiment_graphql_or_raise("vision", "run"), dict[str, Any])
    client.get_project_id("vision").upper()  # expect: union-attr | reportOptionalMemberAccess
    client.get_project_id_or_raise("vision").upper()
    RemoteClient("http://127.0.0.1:9", future=3)  # expect: arg-type | reportArgumentType


def run(experiment: Experiment) -> None:
    """The public face of a run."""
    assert_type(experiment.params.get(), dict[str, Any])
    assert_type(experiment.params.get_or_raise(), dict[str, Any])
    assert_type(experiment.files("a").exists(), bool)
    assert_type(experiment.files("a").exists_or_raise(), bool)
    assert_type(experiment.metrics("m").read_or_raise(), dict[str, Any])
    assert_type(experiment.log("text"), None)
    assert_type(experiment.log("text", "info", step=1), None)
    assert_type(experiment.logs, LogBuilder)
    experiment.log().info("text")  # expect: deprecated | reportDeprecated
    Experiment("o/p/n", error_mode=3)  # expect: arg-type | reportArgumentType


def other(storage: LocalStorage, tokens: PlaintextFileStorage, user: UserInfo) -> None:
    """Stores and tokens."""
    assert_type(storage.read_parameters("o", "p", "n"), dict[str, Any] | None)
    assert_type(tokens.load("k"), str | None)
    assert_type(tokens.load_or_raise("k"), str)
    assert_type(user.username, str | None)
    assert_type(user.fetch_or_raise(), dict[str, Any])
    assert_type(decode_jwt_payload_or_raise("t"), dict[str, Any])


@error_mode("strict")
def train(steps: int, *, path: Path) -> float:
    """A decorator keeps the signature."""
    return float(steps) + len(path.parts)


def decorated() -> None:
    """The decorated function is checked as it was written."""
    assert_type(train(3, path=Path()), float)
    train("3", path=Path())  # expect: arg-type | reportArgumentType
    with future.override("lookups_raise"):
        assert_type(future.is_on("lookups_raise"), bool)


@error_mode("strict")
async def waiting(step: int) -> str:
    """So does one of a coroutine."""
    return str(step)


async def awaited() -> None:
    """What is awaited is what the function returns."""
    assert_type(await waiting(3), str)
    await waiting("3")  # expect: arg-type | reportArgumentType


def ended(experiment: Experiment) -> None:
    """The siblings of `flush` and of the end of a run; what a run is asked for."""
    assert_type(experiment.ledger().lost, int)
    assert_type(experiment.files("a").list_or_raise(), list[dict[str, Any]])
    assert_type(experiment.tracks("t").list_entries_or_raise(), list[dict[str, Any]])
    experiment.params.get_or_none()  # expect: attr-defined | reportAttributeAccessIssue
    with error_mode("lenient"):
        pass
    with error_mode(3):  # expect: arg-type | reportArgumentType
        pass


def handled(work: Callable[[], None]) -> str:
    """An error of ours has its facts, whichever class caught it."""
    try:
        work()
    except MLDashError as error:
        assert_type(error.kept, str)
        assert_type(error.context, dict[str, Any])
        return error.code
    except ValueError:
        return ""
    return ""
