from ml_dash import RemoteClient

client = RemoteClient("http://127.0.0.1:9")
try:
    tracks = client.list_tracks("17")  #: MLD001 certain list_tracks_or_raise
except Exception:  #= except MLDashError
    tracks = []
try:
    text = open("notes.txt").read()
    found = client.search_experiments_graphql("alice/*")  #: MLD001 certain search_experiments_graphql_or_raise
except Exception:
    found = []
