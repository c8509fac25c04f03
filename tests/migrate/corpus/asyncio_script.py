# runs
import asyncio
from ml_dash import Experiment

async def main():
    with Experiment("alice/vision/async", dash_root=".dash").run as exp:
        exp.params.set(a=1)
        await asyncio.sleep(0)
        print(sorted(exp.params.get().items()))  #: MLD004 certain get_or_raise

asyncio.run(main())
