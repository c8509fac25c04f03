from ml_dash.client import RemoteClient as Client

with Client("http://127.0.0.1:9", api_key="x") as api:
    if (pid := api.get_project_id("vision")) is not None:  #: MLD001 certain get_project_id_or_none
        print(pid)
    user = api.get_current_user()  #: MLD001 certain get_current_user_or_none
    if user is None:
        raise SystemExit("log in first")
    print(user["username"])
