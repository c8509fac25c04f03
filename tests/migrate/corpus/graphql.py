import ml_dash.client as mlc

api = mlc.RemoteClient("http://127.0.0.1:9", api_key="x")
data = api.graphql_query("{ me { username } }")  #: MLD001 certain graphql_query_or_raise
if "me" in data:
    print(data["me"])
