from ml_dash.auth.token_storage import PlaintextFileStorage

store = PlaintextFileStorage("tokens")
token = store.load("ml-dash-token")  #: MLD002 certain load_or_raise
if token is None:
    print("log in")
