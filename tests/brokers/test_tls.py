"""STOMP over TLS: with certificates that are trusted, that are not, and with none at all."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from penstock.app.brokers import broker_at, listener_at
from penstock.brokers.stomp import Server, StompBroker, StompLimits
from penstock.errors import BrokerError
from tests.brokers.small_server import Connection, serving, until

WAIT_SECONDS = 60.0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that trusts itself, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "penstock tests")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture
def theirs(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def error_of(broker: StompBroker) -> str:
    broker.send("orders", "x")
    until(lambda: broker.health()["error"] is not None)
    error: str = broker.health()["error"]
    broker.close(0)
    return error


def test_messages_arrive_over_tls_by_an_address_that_names_the_certificates(
    theirs: ssl.SSLContext, certificate: Path
) -> None:
    with serving(tls=theirs) as server:
        broker = broker_at(f"stomp+ssl://127.0.0.1:{server.port}?ca={certificate}")
        assert isinstance(broker, StompBroker)
        bodies = ["x", "y" * 1_000_000, "z"]
        for body in bodies:
            broker.send("orders", body)
        broker.flush(WAIT_SECONDS)
        assert broker.url == f"stomp+ssl://127.0.0.1:{server.port}/topic/"
        broker.close()
        assert [message.body for message in server.arrived(3)] == bodies


def test_a_context_of_the_callers_own_is_used(theirs: ssl.SSLContext, certificate: Path) -> None:
    with serving(tls=theirs) as server:
        ours = ssl.create_default_context(cafile=str(certificate))
        broker = broker_at(f"stomp+ssl://127.0.0.1:{server.port}", tls=ours)
        assert broker is not None
        broker.send("orders", "x")
        broker.flush(WAIT_SECONDS)
        broker.close()


def test_many_messages_in_one_record_all_arrive(theirs: ssl.SSLContext, certificate: Path) -> None:
    """What TLS has decrypted and not handed out is not seen by a wait for the socket."""

    def delivers(connection: Connection) -> None:
        connection.greet()
        connection.take()
        frame = b"MESSAGE\ndestination:/topic/orders\nmessage-id:1\nsubscription:0\n\n%d\0"
        connection.sock.sendall(b"".join(frame % number for number in range(5_000)))
        connection.linger()

    with serving(delivers, tls=theirs) as server:
        address = f"stomp+ssl://127.0.0.1:{server.port}?ca={certificate}"
        with listener_at(address, "orders") as listener:
            heard = [listener.receive(WAIT_SECONDS) for _ in range(5_000)]
        assert [message.body for message in heard if message is not None] == [str(n) for n in range(5_000)]


def test_a_certificate_that_nobody_trusts_is_refused(theirs: ssl.SSLContext) -> None:
    with serving(tls=theirs) as server:
        place = Server("127.0.0.1", server.port, tls=ssl.create_default_context())
        assert "has no TLS that is trusted: self-signed certificate" in error_of(StompBroker(place))


def test_a_certificate_of_another_host_is_refused(theirs: ssl.SSLContext, certificate: Path) -> None:
    with serving(tls=theirs) as server:
        ours = ssl.create_default_context(cafile=str(certificate))
        place = Server("localhost", server.port, tls=ours)
        assert "Hostname mismatch" in error_of(StompBroker(place))


def test_a_server_without_tls_is_named() -> None:
    def answers(connection: Connection) -> None:
        connection.sock.sendall(b"ERROR\nmessage:what?\n\n\0")
        connection.linger()

    with serving(answers) as server:
        place = Server("127.0.0.1", server.port, tls=ssl.create_default_context())
        assert "has no TLS that is trusted" in error_of(StompBroker(place))


def test_a_server_that_never_shakes_hands_is_left_in_time() -> None:
    def says_nothing(connection: Connection) -> None:
        connection.linger()

    with serving(says_nothing) as server:
        place = Server("127.0.0.1", server.port, tls=ssl.create_default_context())
        broker = StompBroker(place, limits=StompLimits(timeout=0.2))
        assert re.search(r"answered no TLS handshake for \d+\.\d s", error_of(broker))


def test_a_server_that_wants_tls_is_named(theirs: ssl.SSLContext) -> None:
    with (
        serving(tls=theirs) as server,
        pytest.raises(BrokerError, match=r"where a STOMP frame|closed the connection|broke the connection"),
    ):
        listener_at(f"stomp://127.0.0.1:{server.port}", "orders")
