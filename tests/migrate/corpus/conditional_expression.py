from ml_dash import RemoteClient

client = RemoteClient("http://127.0.0.1:9")
pid = client.get_project_id("a") if client else None  #: MLD001 certain get_project_id_or_none
name = "known" if client.get_project_id("b") else "new"  #: MLD001 certain get_project_id_or_none
assert client.get_current_user(), "log in"  #: MLD001 certain get_current_user_or_none
