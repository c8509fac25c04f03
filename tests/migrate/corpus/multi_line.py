from ml_dash import (
    Experiment,
    RemoteClient,
)

client = RemoteClient(
    "http://127.0.0.1:9",
    api_key="x",
)
run = (
    client.get_experiment_graphql(  #: MLD001 certain get_experiment_graphql_or_raise
        "vision",
        "one",  # the first
    )
)
print(run["name"])
exp = Experiment(
    "alice/vision/one",
    remote="http://127.0.0.1:9",  #: MLD006 certain dash_url=
    local_path=".dash",  #: MLD006 certain dash_root=
)
