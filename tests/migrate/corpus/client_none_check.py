from ml_dash import RemoteClient

client = RemoteClient("http://127.0.0.1:9", api_key="x")

def project(name):
    if client.get_project_id(name) is None:  #: MLD001 certain get_project_id_or_none
        print("no project", name)
        return None
    return client.get_project_id(name)  #: MLD001 certain get_project_id_or_none
