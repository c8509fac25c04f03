from ml_dash.remote_auto_start import rdxp as remote

remote.log("hello")
entries = remote.tracks("robot/pose").list_entries()  #: MLD004 certain list_entries_or_raise
