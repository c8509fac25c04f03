"""What runs consist of: projects, folders, experiments, files, logs, parameters, metrics, tracks.

Every function takes the connection of the caller's transaction; none asks who the caller is.
"""
