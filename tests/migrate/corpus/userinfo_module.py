import ml_dash
from ml_dash import Experiment

prefix = f"{ml_dash.userinfo.username}/vision/one"  #: MLD001 certain fetch_or_raise().get('username')
with Experiment(prefix).run as exp:
    exp.log("hello")
