"""Prefixes from templates: fields of RUN, EXP placeholders, counters, a fixed clock."""

from datetime import datetime
from pathlib import Path

from ml_dash import RUN, Experiment
from ml_dash.run import find_project_root

NOW = datetime(2025, 3, 4, 5, 6, 7)
RUN.job_counter = 1


def show(exp: Experiment) -> None:
    """Print where the experiment writes."""
    print(exp.run.prefix, "|", exp._folder_path, "|", exp.owner, exp.project, exp.name)


one = Experiment(user="bob", now=NOW, path_stem="train/first", dash_root=".dash")
show(one)
two = Experiment(user="bob", now=NOW, path_stem="train/first", dash_root=".dash")
show(two)
for exp in (one, two):
    with exp.run:
        exp.log(f"in {exp.name}")

named = Experiment("bob/project/{now:%Y-%m}/{job_counter:03d}", now=NOW, dash_root=".dash")
show(named)

renamed = Experiment("bob/project/group/name", now=NOW, dash_root=".dash")
renamed.run.prefix = "bob/other/{EXP.name}.{EXP.date}/{EXP.datetime_str}"
show(renamed)
with renamed.run:
    renamed.log("renamed")
    try:
        renamed.run.prefix = "bob/x/y"
    except RuntimeError as error:
        print("Cannot change prefix" in str(error))

with_id = Experiment("bob/project/name", dash_root=".dash")
with_id.run.prefix = "bob/ids/{EXP.id}"
print(
    isinstance(with_id.run.id, int), len(str(with_id.run.id)), with_id.name == str(with_id.run.id)
)

try:
    renamed.run.prefix = "bob/{EXP.nothing}/x"
except AttributeError as error:
    print("nothing" in str(error))
try:
    Experiment("bob/{nothing}/x", dash_root=".dash")
except KeyError:
    print("unknown placeholder")

run = RUN(entry="/work/repo/train/mnist.py", now=NOW, project_root="/work/repo", user="bob")
print(run.prefix, run.date, run.datetime_str, run.path_stem)
RUN.project = "{user}/classwide"
print(RUN(entry="/work/repo/a.py", now=NOW, project_root="/work/repo", user="bob").project)
open("pyproject.toml", "w").close()
print(find_project_root() == str(Path.cwd()), find_project_root(Path.cwd()) == str(Path.cwd()))
two_segments = Experiment("bob/single", dash_root=".dash")
show(two_segments)
