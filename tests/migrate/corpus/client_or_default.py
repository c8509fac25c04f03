from ml_dash import RemoteClient

client = RemoteClient("http://127.0.0.1:9")
params = client.get_parameters("17") or {"lr": 0.1}  #: MLD001 certain get_parameters_or_raise
owner = (client.get_current_user() or {}).get("username", "nobody")  #: MLD001 certain get_current_user_or_none
print(params, owner)
