"""The project's own server in a process of its own, with users, limits, and disks to fill."""

from __future__ import annotations

import shutil
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import select, update

from ml_dash.server.ids import now_ms
from ml_dash.server.launch import opened
from ml_dash.server.settings import ServerSettings
from ml_dash.server.tables import api_tokens, users
from tests.delivery.proxy import Proxy
from tests.delivery.training import NAME, Setup, Training
from tests.durability.scenarios.disk import SmallDisk
from tests.server.live import Live
from tests.server.running import RunningServer

BODY_MAX_BYTES = 200_000
FILE_MAX_BYTES = 1_000_000
_START_S = 120.0
_LIMITS = {
    "ML_DASH_SERVER_BODY_MAX_BYTES": str(BODY_MAX_BYTES),
    "ML_DASH_SERVER_FILE_MAX_BYTES": str(FILE_MAX_BYTES),
}


class Site:
    """A server that asks for tokens.

    Args:
        data: Its folder.
        files: Where the bytes of files are; in its folder, when omitted.
        disks: The disks that it writes to, by name, where it has some of its own.
    """

    def __init__(
        self, data: Path, files: Path | None = None, disks: Mapping[str, SmallDisk] | None = None
    ) -> None:
        data.mkdir(exist_ok=True)
        options = () if files is None else ("--files", str(files))
        self.server = RunningServer(data, options=options, settings=_LIMITS)
        self.server.start()
        self.disks = disks or {}
        self._live = Live(self.server.address, ServerSettings(data=data))
        try:
            health = f"{self.server.address}/health"
            httpx.get(health, timeout=_START_S, trust_env=False).raise_for_status()
        except httpx.HTTPError:
            self.server.kill()
            raise

    def token(self, user: str) -> str:
        """Make a user, and return a new token of it."""
        return self._live.token(user)

    def member(self, namespace: str, user: str, role: str) -> None:
        """Let a user be a member of a namespace."""
        self._live.member(namespace, user, role)

    def revoke(self, user: str) -> None:
        """Make all tokens of a user invalid."""
        database = opened(self._live.settings)
        with database.write() as connection:
            own = select(users.c.id).where(users.c.username == user).scalar_subquery()
            tokens = update(api_tokens).where(api_tokens.c.user_id == own)
            connection.execute(tokens.values(revoked_ms=now_ms()))
        database.close()


@contextmanager
def on_small_disks() -> Iterator[Site]:
    """Run a server whose database and files are on small disks of their own; needs root."""
    disks = {}
    try:
        for name in ("database", "files"):
            folder = Path(tempfile.mkdtemp(prefix="ml-dash-small-disk-"))
            disks[name] = SmallDisk(folder, "8m")
            disks[name].mount()
        site = Site(disks["database"].folder / "data", disks["files"].folder / "files", disks)
        try:
            yield site
        finally:
            site.server.kill()
    finally:
        for disk in disks.values():
            disk.unmount()
            shutil.rmtree(disk.folder)


@dataclass
class World:
    """What a test of a failure has.

    Attributes:
        site: The server.
        proxy: What is between it and the script.
        training: The script.
        user: Who trains.
        namespace: Whose run it is.
        token: The user's token.
        certificates: Contexts of TLS: one that the script trusts, one that it does not.
    """

    site: Site
    proxy: Proxy
    user: str
    namespace: str
    token: str
    root: Path
    certificates: Mapping[str, ssl.SSLContext]
    env: dict[str, str] = field(default_factory=dict)
    scripts: list[Training] = field(default_factory=list)

    @property
    def training(self) -> Training:
        """The script that was started last."""
        return self.scripts[-1]

    @property
    def url(self) -> str:
        """Where the script finds the server."""
        scheme = "http" if self.proxy.tls is None else "https"
        return f"{scheme}://{NAME}:{self.proxy.server_port}"

    def setup(self, mode: str = "permissive", *, impatient: bool = True) -> Setup:
        """Return how a script of this world is started."""
        env = {"ML_DASH_TOKEN": self.token, **self.env}
        prefix = f"{self.namespace}/vision/first"
        return Setup(prefix, self.url, self.root, mode, env, impatient)

    def start(self, mode: str = "permissive", **how: bool) -> Training:
        """Start a script."""
        self.scripts.append(Training(self.setup(mode, **how)))
        return self.training

    def new_token(self) -> None:
        """Give the user another token, and the script too."""
        self.token = self.site.token(self.user)
        if self.scripts:
            self.training.do("set_token", self.token)


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate for the scripts' server; return its file, and a context that uses it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=10))
        .not_valid_after(now + timedelta(days=10))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path, secret = folder / "certificate.pem", folder / "key.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, secret)
    return path, context
