"""Every check of the repository. ``nox`` alone runs what CI runs; ``nox -l`` lists the sessions."""

from __future__ import annotations

import functools
import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
REPORTS = ROOT / ".nox" / "reports"
CURRENT = f"{sys.version_info.major}.{sys.version_info.minor}"

# For two cores: a test often waits for a process. `nox -s tests-3.11 -- -n 8` takes more of them.
PARALLEL = ("-n", "3")
# What a release of Python can change: the package itself, names and signatures, fork and threads.
# The rest - old folders, the demo, the documents, disks, the server - runs on one release.
ON_EVERY_PYTHON = (
    "tests/unit",
    "tests/compat/test_api_pins.py",
    "tests/durability/test_processes.py",
)

# What needs more of a wheel than its modules: its command, the server's migrations and pages. The
# other commands run in `tests`, from the same files.
ON_THE_WHEEL = (
    "tests/cli/test_cli.py",
    "tests/cli/test_version.py",
    "tests/cli/test_demo.py",
    "tests/cli/test_accounts.py",
    "tests/cli/test_projects.py",
)

nox.needs_version = ">=2025.2.9"
nox.options.sessions = [
    "lint", "types", "layers", "news", "build", "tests", "flags", "train", "preview",
]  # fmt: skip
nox.options.default_venv_backend = "virtualenv"
nox.options.download_python = "never"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False  # a missing Python is named as skipped


def _supported_pythons() -> list[str]:
    """Return the supported releases of Python, the one that runs nox last."""
    named = set(nox.project.python_versions(PYPROJECT)) | {CURRENT}
    return sorted(named, key=lambda version: (version == CURRENT, int(version.split(".")[1])))


def _let_nox_see_pyenv() -> None:
    """Append the interpreters that pyenv installed to PATH, whether they are switched on or not."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = [os.fspath(folder) for folder in sorted(root.glob("versions/*/bin"), reverse=True)]
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), *found])


def _group(name: str) -> list[str]:
    """Return the requirements of a dependency group of pyproject.toml."""
    return list(nox.project.dependency_groups(PYPROJECT, name))


def _report(session: nox.Session, name: str) -> str:
    """Return pytest's option that writes the results where ``.ci/run`` adds them up."""
    return f"--junit-xml={REPORTS / f'{name}-py{session.python or CURRENT}.xml'}"


def _flag_names() -> list[str]:
    """Return the names of all flags, read without what the package needs installed."""
    sys.path.insert(0, str(ROOT / "src"))
    from ml_dash.flags import FLAGS

    return list(FLAGS)


def _combinations() -> list[list[str]]:
    """Return every choice of flags, the fewest first."""
    names = _flag_names()
    return [list(c) for n in range(len(names) + 1) for c in itertools.combinations(names, n)]


def _contract_python(session: nox.Session, version: str, wanted: str = "-e .") -> str:
    """Return the interpreter of an environment that the sessions of the contract share."""
    base = shutil.which(f"python{version}") or (sys.executable if version == CURRENT else None)
    if base is None:
        session.skip(f"Python {version} is not on this machine")
    _prepare(session)
    tested = ROOT / ".nox" / f"tests-{version.replace('.', '-')}" / "bin" / "python"
    if tested.exists():
        return str(tested)  # what `tests` has made holds all that is needed
    folder = ROOT / ".nox" / f"contract-{version}"
    python = str(folder / "bin" / "python")
    stamp = folder / "installed"
    state = (ROOT / "pyproject.toml").read_text("utf-8")
    if not stamp.exists() or stamp.read_text("utf-8") != state:
        session.run(base, "-m", "venv", "--clear", str(folder), external=True)
        session.run(python, "-m", "pip", "install", "--quiet", *wanted.split(), external=True)
        stamp.write_text(state, "utf-8")
    return python


def _prepare(session: nox.Session) -> None:
    """Compile no package as a whole, but keep what an import has compiled: half the time."""
    session.env["PIP_NO_COMPILE"] = "1"
    session.env["PYTHONDONTWRITEBYTECODE"] = ""


_let_nox_see_pyenv()


@nox.session
def lint(session: nox.Session) -> None:
    """Check the style and the habits that a linter can see (ruff)."""
    session.install(*_group("lint"))
    session.run("ruff", "check", *session.posargs)


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the package (mypy --strict), and what checkers tell its users."""
    session.install("-e", ".[server,migrate]", *_group("types"))
    session.run("mypy", *session.posargs)
    session.run("python", "-m", "tests.typing")


@nox.session
def layers(session: nox.Session) -> None:
    """Check that imports only point down (import-linter)."""
    session.install("-e", ".", *_group("layers"))
    session.run("lint-imports", "--no-cache")


@nox.session
def news(session: nox.Session) -> None:
    """Check that the next entry of CHANGELOG.md can be built (towncrier)."""
    session.install(*_group("news"))
    session.run("towncrier", "build", "--draft", "--version", PYPROJECT["project"]["version"])


@nox.session
def docs(session: nox.Session) -> None:
    """Run every example in README, MIGRATION.md, docs/ and the docstrings, and README's demo.

    For itself; a plain ``nox`` runs them within ``tests``, which has the same environment.
    """
    _prepare(session)
    session.install("-e", ".[all]", *_group("test"))
    session.run("pytest", *PARALLEL, "tests/docs", _report(session, "docs"), *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build wheel and sdist, install each into an empty environment, and run the tests there."""
    _prepare(session)
    session.install(*_group("build"))
    built = Path(session.create_tmp()).resolve() / "dist"
    shutil.rmtree(built, ignore_errors=True)
    # Builds the sdist from the tree and the wheel from the sdist: both hold all that is needed.
    session.run("python", "-m", "build", "--outdir", str(built), str(ROOT), silent=True)
    # The wheel is made of the sdist: what the sdist lacked the wheel's tests would miss.
    for kind, pattern, extras, tests in (
        ("wheel", "*.whl", "[all]", ["tests/unit", *ON_THE_WHEEL]),
        ("sdist", "*.tar.gz", "", ["tests/cli/test_version.py", "tests/compat/test_api_pins.py"]),
    ):
        wanted = f"ml-dash{extras} @ {next(built.glob(pattern)).resolve().as_uri()}"
        _test_installed(session, kind, wanted, tests)


def _test_installed(session: nox.Session, kind: str, wanted: str, tests: list[str]) -> None:
    """Run tests on an installed package, in a folder that holds the tests and no source."""
    place = Path(session.create_tmp()).resolve() / kind
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(ROOT / "tests", place / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", place)
    session.run(sys.executable, "-m", "venv", str(place / "env"), external=True)
    python = str(place / "env" / "bin" / "python")
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    session.run(*pip, wanted, *_group("test"), external=True)
    where = "import ml_dash; assert 'site-packages' in ml_dash.__file__, ml_dash.__file__"
    with session.chdir(place):
        session.run(python, "-c", where, external=True)
        session.run(
            python,
            "-m",
            "pytest",
            *PARALLEL,
            *tests,
            _report(session, f"build-{kind}"),
            external=True,
        )


@nox.session(python=_supported_pythons())
def tests(session: nox.Session) -> None:
    """Run the tests on one release of Python: all on the first, on the others what may differ."""
    _prepare(session)
    session.install("-e", ".[all]", *_group("test"))
    chosen = () if session.python == CURRENT else ON_EVERY_PYTHON
    report = _report(session, "tests")
    session.run("pytest", *PARALLEL, report, *(session.posargs or chosen))


@nox.session(venv_backend="none")
@nox.parametrize(
    "choice", [nox.param(",".join(c), id="+".join(c) or "no-flag") for c in _combinations()]
)
def flags(session: nox.Session, choice: str) -> None:
    """Check the contract under one combination of flags."""
    asked = _contract_server(_contract_python(session, CURRENT))
    print(choice, file=asked.stdin, flush=True)
    answer = ""
    while answer[:1] != "@":
        if not (answer := asked.stdout.readline()):
            session.error("the process that checks the contract has ended")
        session.log(answer.rstrip())
    if answer != "@0\n":
        session.error(f"the contract does not hold under {choice or 'no choice'}")


@functools.cache
def _contract_server(python: str) -> subprocess.Popen[str]:
    """Start the process that imports the package once for all combinations; it ends with nox."""
    command = [python, "-m", "tests.contract", "--serve"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@nox.session(venv_backend="none")
@nox.parametrize(
    ("version", "stop"),
    [
        nox.param(version, stop, id=f"py{version}-release{stop}")
        for version in _supported_pythons()
        for stop in ("0.6", "0.7", "0.8", "0.9", "1.0")
    ],
)
def train(session: nox.Session, version: str, stop: str) -> None:
    """Check the contract at one stop of the release train, on one Python."""
    python = _contract_python(session, version)
    session.run(python, "-m", "tests.contract", stop, external=True)


@nox.session(venv_backend="none")
def preview(session: nox.Session) -> None:
    """Build this tree as 1.0.0: it must do what ML_DASH_FUTURE_STRICT=1 does today."""
    place = ROOT / ".nox" / "preview"
    shutil.rmtree(place, ignore_errors=True)
    tree = place / "tree"
    for name in ("src", "tests", "pyproject.toml", "README.md", "LICENSE"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        tree.mkdir(parents=True, exist_ok=True)
        copy(source, tree / name)
    version = PYPROJECT["project"]["version"]
    for name in ("pyproject.toml", "src/ml_dash/__init__.py"):
        text = (tree / name).read_text("utf-8")
        assert f'"{version}"' in text, name
        (tree / name).write_text(text.replace(f'"{version}"', '"1.0.0"', 1), "utf-8")
    session.run(sys.executable, "-m", "venv", str(place / "env"), external=True)
    released = str(place / "env" / "bin" / "python")
    session.run(released, "-m", "pip", "install", "--quiet", str(tree), external=True)
    shutil.rmtree(tree / "src")  # what is tested is what was installed
    today = _contract_python(session, CURRENT)
    outcomes = []
    for python, choice, where in ((released, "", tree), (today, "--strict", ROOT)):
        file = place / f"outcomes-{len(outcomes)}.json"
        words = [word for word in (choice,) if word]
        with session.chdir(where):
            session.run(
                python, "-m", "tests.contract", *words, "--outcomes", str(file), external=True
            )
        outcomes.append(json.loads(file.read_text("utf-8")))
    if outcomes[0] != outcomes[1]:
        session.error(f"1.0.0 and the preview differ; compare the files in {place}")
