import asyncio
from ml_dash import Experiment, RemoteClient


class Service:
    def __init__(self):
        self.client = RemoteClient("http://x")

    async def project(self, slug):
        found = await asyncio.to_thread(self.client.get_project_id, slug)  #: MLD001 certain TODO
        return found

    async def tracks(self, ids):
        return [self.client.list_tracks(i) async for i in ids]  #: MLD001 certain list_tracks_or_raise

    async def __aenter__(self):
        return self


async def main():
    async with Service() as service:
        print(service.client.list_files("1"))  #: MLD001 certain list_files_or_raise
    loop = asyncio.get_running_loop()
    exp = Experiment("alice/vision/async")
    with exp.run:
        await loop.run_in_executor(None, exp.params.get)  #: MLD004 certain TODO
        async for name in names():
            if not exp.files(name).exists():  #: MLD003 certain exists_or_raise
                break


async def names():
    yield "a"


asyncio.run(main())
