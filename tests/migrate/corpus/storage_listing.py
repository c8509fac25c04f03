import ml_dash

store = ml_dash.LocalStorage(root_path=".dash")
files = store.list_files("alice", "vision", "alice/vision/one")  #: MLD004 certain list_files_or_raise
tracks = store.list_tracks("alice", "vision", "one")  #: MLD004 certain list_tracks_or_raise
metrics = store.list_metrics("alice", "vision", "one")  #: MLD004 certain list_metrics_or_raise
