import ml_dash

def report(client):
    run = client.get_experiment_graphql("vision", "one")  #: MLD001 likely TODO
    if run is None:
        return "no run"
    return run["id"]

def names(api):
    return [p["slug"] for p in api.list_projects_graphql()]  #: MLD001 likely TODO
