from ml_dash import RemoteClient

client = RemoteClient("http://127.0.0.1:9")
for project in client.list_projects_graphql():  #: MLD001 certain list_projects_graphql_or_raise
    runs = client.list_experiments_graphql(project["slug"])  #: MLD001 certain list_experiments_graphql_or_raise
    if not runs:
        print("empty")
    for run in runs:
        print(run["name"], client.list_files(run["id"]))  #: MLD001 certain list_files_or_raise
