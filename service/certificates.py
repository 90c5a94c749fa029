"""The client's TLS certificate, as a proxy that ended the TLS hands it on in a header."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from urllib.parse import unquote

from cryptography import x509

PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
DIGEST = re.compile(r"[0-9a-f]{64}")
ENVOY = re.compile(r"(?:^|;)Hash=([0-9A-Fa-f]{64})(?:;|$)")
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
LONGEST = 16_384


@dataclass(frozen=True, slots=True)
class Certificate:
    """``subject`` as RFC 4514 writes it (CN=ehr,O=Hospital); empty where the proxy sent a fingerprint alone."""

    fingerprint: str
    subject: str = ""


def read_fingerprint(text: str) -> str | None:
    """A SHA-256 fingerprint in 64 small hexadecimal digits, however it was written (AB:CD:...)."""
    digits = text.removeprefix("sha256:").replace(":", "").strip().lower()
    return digits if DIGEST.fullmatch(digits) else None


def read_certificate(header: str) -> Certificate | None:
    """PEM (nginx, Traefik: with URL escapes), base64 (RFC 9440 between colons), a fingerprint, or Envoy's `Hash=`;
    None for what is none, or more than one."""
    if not header or len(header) > LONGEST:
        return None
    if digits := read_fingerprint(header):
        return Certificate(digits)
    if "Hash=" in header:
        bare = QUOTED.sub("", header)
        found = ENVOY.findall(bare) if "," not in bare else []
        return Certificate(found[0].lower()) if len(found) == 1 else None
    text = unquote(header)
    held = PEM.findall(text)
    if len(held) > 1:
        return None
    body = re.sub(r"\s", "", held[0] if held else text.strip().strip(":"))
    try:
        der = base64.b64decode(body, validate=True)
        read = x509.load_der_x509_certificate(der)
        return Certificate(hashlib.sha256(der).hexdigest(), read.subject.rfc4514_string())
    except (binascii.Error, ValueError):
        return None
