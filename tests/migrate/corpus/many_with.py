# runs
import contextlib
from ml_dash import Experiment

with Experiment("alice/vision/a", dash_root=".dash", echo=False).run as a, \
        Experiment("alice/vision/b", dash_root=".dash", echo=False).run as b:
    a.params.set(lr=1)
    b.params.set(lr=2)
    print(a.params.get(), end=" ")  #: MLD004 certain get_or_raise
    print(b.params.get())  #: MLD004 certain get_or_raise
with contextlib.ExitStack() as stack:
    c = stack.enter_context(Experiment("alice/vision/c", dash_root=".dash", echo=False).run)
    c.metrics("x").log(y=1)
    print(c.metrics("x").read()["data"][0]["data"])  #: MLD004 certain read_or_raise
d = Experiment("alice/vision/d", dash_root=".dash", echo=False)
try:
    d.run.start()
    print(d.files("a").exists(), d.files.list())  #: MLD003 certain exists_or_raise
finally:
    d.run.complete()
with contextlib.suppress(KeyError), contextlib.nullcontext(d) as e, e.run:
    print(e.params.get())  #: MLD004 certain get_or_raise
