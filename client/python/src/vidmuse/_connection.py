"""Where the servers are, and how they are reached: the options of a client."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, Union

import grpc

from ._retry import RetryOptions
from .errors import invalid, make_error
from .v1._descriptors import message_class

Addresses = Union[str, Sequence[str]]
StrPath = Union[str, "os.PathLike[str]"]

SERVICE = "/vidmuse.v1.MusicService/"
HEALTH_CHECK = "/grpc.health.v1.Health/Check"
HealthCheckRequest = message_class("grpc.health.v1.HealthCheckRequest")
HealthCheckResponse = message_class("grpc.health.v1.HealthCheckResponse")

DEFAULT_ADDRESS = "127.0.0.1:50051"

# How long to wait for a replica whose connection has failed.
RECONNECT_WAIT = 0.5

CHANNEL_OPTIONS: list[tuple[str, Any]] = [
    # Enough for a chunk of at most 30 s of audio.
    ("grpc.max_receive_message_length", 16 << 20),
    ("grpc.lb_policy_name", "round_robin"),
    # Short, so that a replica that comes back is found soon after a failed attempt.
    ("grpc.initial_reconnect_backoff_ms", 100),
    # This is also gRPC's time limit for a connection attempt.
    ("grpc.min_reconnect_backoff_ms", 5000),
    ("grpc.max_reconnect_backoff_ms", 2000),
    # A server that vanishes is noticed after the sum of these two. Servers allow one ping in 10 s.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.max_pings_without_data", 0),
    # This library retries by itself, because it knows what was received.
    ("grpc.enable_retries", 0),
]


@dataclass(frozen=True)
class Connection:
    """Checked options of a client."""

    addresses: tuple[str, ...]
    credentials: grpc.ChannelCredentials | None
    api_key: str
    retries: RetryOptions

    @property
    def key_metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.api_key}"),) if self.api_key else ()


class ClientOptions(TypedDict, total=False):
    """How a client reaches its servers, and how patient it is. Times are in seconds."""

    # Connect with TLS. The files are in PEM: authorities to trust (default: gRPC's own list), this
    # client's certificate and its private key.
    tls: bool
    tls_ca: StrPath | None
    tls_cert: StrPath | None
    tls_key: StrPath | None
    # Sent with every call but health checks. By default the key is in `api_key_file`, else in the
    # variable VIDMUSE_API_KEY; an empty one sends none. It is refused where it would cross a
    # network in plain text, unless `allow_plaintext_api_key` is set.
    api_key: str | None
    api_key_file: StrPath | None
    allow_plaintext_api_key: bool
    # How many times in a row a call may retry without progress after a connection broke (5).
    max_retries: int
    # The wait before the n-th retry in a row is initial_backoff * 2^(n-1), at most max_backoff (0.2
    # and 10), times a random factor in [0.5, 1], but at least what the server asks for.
    initial_backoff: float
    max_backoff: float
    # How long one call waits in total for servers that answer that they are busy or shutting down
    # (120). 0: it fails at once on a busy server.
    max_busy_wait: float


def connection(
    server: Addresses,
    *,
    tls: bool = False,
    tls_ca: StrPath | None = None,
    tls_cert: StrPath | None = None,
    tls_key: StrPath | None = None,
    api_key: str | None = None,
    api_key_file: StrPath | None = None,
    allow_plaintext_api_key: bool = False,
    **retry_options: Any,
) -> Connection:
    """Raises INVALID_ARGUMENT for options that don't fit, OSError for files that can't be read."""
    retries = RetryOptions(**retry_options)
    addresses = tuple(server.split(",")) if isinstance(server, str) else tuple(server)
    if not addresses or not all(addresses):
        raise invalid("no server address" if not addresses else "an empty server address")
    key = _api_key(api_key, api_key_file)
    if not is_visible(key):
        # The key is not quoted, because errors are logged.
        raise invalid("api_key has characters that are not visible ASCII")
    if key and not tls and not allow_plaintext_api_key:
        for address in addresses:
            if not is_this_machine(address):
                raise invalid(
                    f"the API key would go to {address} in plain text: connect with TLS (tls=True),"
                    " or allow it (allow_plaintext_api_key=True)"
                )
    _check_retries(retries)
    return Connection(addresses, _credentials(tls, tls_ca, tls_cert, tls_key), key, retries)


def check_serving(address: str, response: Any) -> None:
    """Raises UNAVAILABLE unless a health check was answered with SERVING."""
    status = HealthCheckResponse.ServingStatus.Name(response.status)
    if status != "SERVING":
        raise make_error(grpc.StatusCode.UNAVAILABLE, f"{address}: {status}")


def is_visible(text: str) -> bool:
    return all("!" <= character <= "~" for character in text)


def is_this_machine(target: str) -> bool:
    """Whether everything sent to a gRPC target stays on this machine, as client/address.cc."""
    if target.startswith(("unix:", "unix-abstract:")):
        return True
    for scheme in ("ipv4:", "ipv6:", "dns:"):
        if target.startswith(scheme):
            target = target[len(scheme) :]
            break
    if target.startswith("//"):
        # In "//authority/name" the authority names the DNS server, which does not matter here.
        target = target[2:]
        target = target[target.find("/") + 1 :]
    return all(_is_loopback(endpoint) for endpoint in target.split(","))


def _is_loopback(endpoint: str) -> bool:
    host = endpoint
    if endpoint.startswith("[") and "]" in endpoint:
        host = endpoint[1 : endpoint.index("]")]
    elif endpoint.count(":") == 1:
        host = endpoint[: endpoint.index(":")]
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_loopback
    return "%" not in host and address == ipaddress.IPv6Address("::1")


def _api_key(api_key: str | None, file: StrPath | None) -> str:
    if api_key is not None and file is not None:
        raise invalid("api_key and api_key_file: give one")
    if api_key is not None:
        return api_key
    if file is None:
        return os.environ.get("VIDMUSE_API_KEY", "")
    key = Path(file).read_text(encoding="utf-8").strip()
    if not key:
        raise invalid(f"{os.fspath(file)} holds no key")
    return key


def _credentials(
    tls: bool, ca: StrPath | None, cert: StrPath | None, key: StrPath | None
) -> grpc.ChannelCredentials | None:
    if (cert is None) != (key is None):
        raise invalid("tls_cert and tls_key: one is set without the other")
    if not tls:
        if ca is not None or cert is not None:
            raise invalid("tls_ca, tls_cert and tls_key need tls=True")
        return None
    ca_pem, key_pem, cert_pem = (
        None if path is None else Path(path).read_bytes() for path in (ca, key, cert)
    )
    return grpc.ssl_channel_credentials(ca_pem, key_pem, cert_pem)


def _check_retries(retries: RetryOptions) -> None:
    if retries.max_retries < 0:
        raise invalid(f"max_retries must be at least 0, not {retries.max_retries}")
    if retries.initial_backoff <= 0 or retries.max_backoff < retries.initial_backoff:
        raise invalid(
            "initial_backoff must be above 0 and at most max_backoff, not "
            f"{retries.initial_backoff} and {retries.max_backoff}"
        )
