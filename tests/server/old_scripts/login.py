"""Log in by device flow as 0.6 does, with the code confirmed on the server's page at once."""

import os

import httpx

from ml_dash import auth
from ml_dash.auth import device_flow
from ml_dash.config import Config

url = os.environ["SERVER"]
device_flow.VUER_AUTH_URL = url  # fixed in 0.6.13
secret = auth.get_or_create_device_secret(Config())
try:
    flow = auth.DeviceFlowClient(secret, url, url)
except TypeError:
    flow = auth.DeviceFlowClient(secret, url)
started = flow.start_device_flow()
page = httpx.get(started.verification_uri_complete)
assert page.status_code == 200, page.text
assert started.user_code.replace("-", "") in page.text, page.text
form = {"code": started.user_code, "token": os.environ["TOKEN"], "answer": "yes"}
confirmed = httpx.post(started.verification_uri, data=form)
assert confirmed.status_code == 200, confirmed.text
token = flow.exchange_token(flow.poll_for_token())
auth.get_token_storage().store("ml-dash-token", token)
