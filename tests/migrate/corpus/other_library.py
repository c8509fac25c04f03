import requests

class RemoteClient:
    def get_project_id(self, name):
        return requests.get(name).json().get("id")

client = RemoteClient()
if client.get_project_id("x") is None:
    print("none")
