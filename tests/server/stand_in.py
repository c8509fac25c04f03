"""A stand-in for the one place of logins that 0.6.13 knows, so that it runs unmodified.

0.6.13 asks https://auth.vuer.ai, wherever its server is. It honours the environment as any HTTP
client does: this is the proxy that `HTTPS_PROXY` names, and the certificate that `SSL_CERT_FILE`
trusts; what it is asked goes to a server of the test.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "auth.vuer.ai"
A_DAY = timedelta(days=1)


@contextmanager
def stand_in(folder: Path, server_url: str) -> Iterator[dict[str, str]]:
    """Run the stand-in, and yield the environment in which it is asked.

    Args:
        folder: Gets its certificate.
        server_url: The server that answers.
    """
    certificate = _certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    port = int(server_url.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        arguments = (listening, context, port)
        threading.Thread(target=_accept, args=arguments, daemon=True).start()
        yield {
            "HTTPS_PROXY": f"http://127.0.0.1:{listening.getsockname()[1]}",
            "SSL_CERT_FILE": str(certificate),
        }
        listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with suppress(OSError):  # closed: the test is over
        while True:
            client, _ = listening.accept()
            threading.Thread(target=_serve, args=(client, context, port), daemon=True).start()


def _serve(client: socket.socket, context: ssl.SSLContext, port: int) -> None:
    asked = b""
    while not asked.endswith(b"\r\n\r\n"):
        asked += client.recv(1)
    assert asked.startswith(f"CONNECT {HOST}:443 ".encode()), asked
    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    with (
        context.wrap_socket(client, server_side=True) as plain,
        socket.create_connection(("127.0.0.1", port)) as server,
    ):
        back = threading.Thread(target=_copy, args=(server, plain), daemon=True)
        back.start()
        _copy(plain, server)
        back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(65536):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)


def _certificate(folder: Path) -> Path:
    """Make a certificate of the host, with its key, in one file; return its path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - A_DAY).not_valid_after(now + A_DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / "auth.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )  # fmt: skip
    path.write_bytes(private + certificate.public_bytes(pem))
    return path
