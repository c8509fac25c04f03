from ml_dash import Experiment

with Experiment("alice/vision/bindrs").run as exp:
    exp.files("plots").save_text("x", to="a.txt")
    found = exp.bindrs("paper").list()  #: MLD003 certain list_or_raise
    print(len(found))
