import ml_dash, os
from ml_dash import Experiment as Exp, RemoteClient as RC

def build() -> Exp:
    return Exp("alice/vision/built")

params = build().params.get()  #: MLD004 certain get_or_raise
print(RC("http://x").list_files("1"), os.environ.get("HOME"))  #: MLD001 certain list_files_or_raise
