from ml_dash import *

client = RemoteClient("http://x")
print(client.list_projects_graphql())  #: MLD001 certain list_projects_graphql_or_raise
with Experiment("alice/vision/star", remote="http://x").run as run:  #: MLD006 certain dash_url=
    print(run.files("a").list())  #: MLD003 certain list_or_raise
print(userinfo.name)  #: MLD001 certain fetch_or_raise().get("name")
