from ml_dash import Experiment

def outer():
    exp = Experiment("alice/vision/nested")
    def inner():
        return exp.tracks("pose").list_entries()  #: MLD004 certain list_entries_or_raise
    with exp.run:
        return inner()
