from ml_dash import RemoteClient

def find(url, project, name):
    client = RemoteClient(base_url=url)
    run = client.get_experiment_graphql(project, name)  #: MLD001 certain get_experiment_graphql_or_none
    if not run:
        return None
    return run["id"]
