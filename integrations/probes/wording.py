"""What went wrong with a connection, in words fit for an alert: hosts and figures, never an address's path or query."""

from __future__ import annotations

import os
import socket
import ssl

import aiohttp

UNKNOWN = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))


def explained(error: aiohttp.ClientError | OSError) -> str:
    match error:
        case aiohttp.ClientConnectorCertificateError(certificate_error=ssl.SSLCertVerificationError() as fault):
            why = f"its certificate is not valid: {fault.verify_message}"
        case aiohttp.ClientConnectorDNSError(os_error=OSError() as fault):
            why = lookup_fault(fault)
        case aiohttp.ClientSSLError():
            why = "it does not answer with TLS that this machine can speak"
        case aiohttp.ClientConnectorError(os_error=OSError() as fault):
            why = connection_fault(fault)
        case aiohttp.TooManyRedirects():
            why = "it redirects without end"
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            why = "it leads to an address that can't be called"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError():
            why = "it broke off its answer"
        case OSError():
            why = connection_fault(error)
        case _:
            why = f"it does not speak HTTP as it should ({type(error).__name__})"
    return why


def connection_fault(error: OSError) -> str:
    if isinstance(error, PermissionError) and error.errno is None:
        return f"no connection is made to it, for it {error}"
    if error.errno is not None and error.errno > 0:
        return f"no connection: {os.strerror(error.errno)}"
    return "no connection"


def lookup_fault(error: OSError) -> str:
    if error.errno in UNKNOWN:
        return "the name does not resolve"
    return f"the name could not be looked up: {error.strerror or 'no answer'}"
