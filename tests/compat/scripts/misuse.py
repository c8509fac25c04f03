"""What scripts catch: use before start, after close, write protection, unknown keywords."""

import warnings
from pathlib import Path

from ml_dash import Experiment, LocalStorage, LogLevel


def raised(call, kind: type = RuntimeError) -> str:
    """Return whether the call raises this builtin kind of error, and which words it has."""
    try:
        call()
    except kind as error:
        text = str(error).lower()
        return f"raises {'not started' in text or 'not open' in text} {'protected' in text}"
    return "nothing"


exp = Experiment("alice/misuse/closed", dash_root=".dash")
print(Path(".dash").is_dir(), Path(".dash/alice").exists())
for name in ("params", "logs", "metrics", "tracks", "files"):
    print(name, raised(lambda name=name: getattr(exp, name)))
print("log", raised(lambda: exp.log("x")), raised(lambda: exp.bindrs("x")))
exp.flush()  # its answer, None in 0.6, is the account of delivery
with exp.run:
    params, files = exp.params, exp.files("kept")
    params.set(a=1)
    print(
        "level", raised(lambda: exp.log("x", level="loud"), ValueError), LogLevel.validate("INFO")
    )
    print("buffer", raised(lambda: exp.metrics.buffer("x"), TypeError))
    print("accessor", raised(lambda: exp.files(path="x"), TypeError))
print("after close", raised(params.get), raised(lambda: params.set(b=2)), raised(files.list))

with Experiment("alice/misuse/protected", dash_root=".dash", _write_protected=True).run as locked:
    print("protected", raised(lambda: locked.params.set(a=1)))
    print("protected", raised(lambda: locked.files("x").delete()))

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    Experiment("alice/misuse/alias", local_path=".other", description="ignored")
print(
    "alias",
    Path(".other").is_dir(),
    any(issubclass(w.category, DeprecationWarning) for w in caught),
)
print("no root", raised(lambda: Experiment("alice/misuse/none", dash_root=None), TypeError))

storage = LocalStorage(".dash")
print(storage.read_parameters("alice", "misuse", "alice/misuse/closed"))
print(storage.list_metrics("alice", "misuse", "alice/misuse/closed"))
print(storage.list_files("alice", "misuse", "alice/misuse/closed"))
print(storage.root_path)
