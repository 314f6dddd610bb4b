"""The certificate that signs manifests: the operator's own, or one made at first use."""

from __future__ import annotations

import datetime
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from core.errors import FailureError, InputError
from core.workspace import work_folder

FOLDER = "STUDIO_SIGNING"  # environment: a folder with the operator's two files
CHAIN, KEY = "certificate.pem", "key.pem"
NAME = "InspireMusic studio"
DAYS = 3650


@dataclass(frozen=True)
class Credentials:
    """A private key and its certificates, in PEM.

    Attributes:
        chain: the signing certificate, then those above it.
        key: of the signing certificate, without a passphrase.
    """

    chain: bytes
    key: bytes

    @classmethod
    def of_studio(cls) -> Credentials:
        """The folder that $STUDIO_SIGNING names, else this studio's own, made when missing.

        Raises: InputError for files that cannot be used; FailureError when none can be made.
        """
        folder = _folder()
        if FOLDER not in os.environ and not folder.is_dir():
            _make(folder)
        return cls.read(folder)

    @classmethod
    def existing(cls) -> Credentials | None:
        """The same, None where there are none yet or they cannot be used."""
        try:
            return cls.read(_folder())
        except InputError:
            return None

    @classmethod
    def read(cls, folder: Path) -> Credentials:
        """certificate.pem (the whole chain) and key.pem of a folder.

        Raises: InputError naming the file that is missing or no PEM.
        """
        found = []
        for name in (CHAIN, KEY):
            try:
                found.append((folder / name).read_bytes())
            except OSError as error:
                raise InputError(
                    "signing certificate", folder / name, f"cannot be read ({error.strerror})"
                ) from error
        made = cls(*found)
        try:
            made.algorithm, made.anchors  # noqa: B018
        except (ValueError, TypeError, IndexError) as error:
            raise InputError("signing certificate", folder, f"is no PEM ({error})") from error
        return made

    @property
    def anchors(self) -> bytes:
        """The topmost certificate of the chain."""
        return x509.load_pem_x509_certificates(self.chain)[-1].public_bytes(
            serialization.Encoding.PEM
        )

    @property
    def algorithm(self) -> bytes:
        """C2PA's name for the key's way of signing."""
        key = serialization.load_pem_private_key(self.key, None)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return {256: b"es256", 384: b"es384", 521: b"es512"}[key.curve.key_size]
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return b"ed25519"
        if isinstance(key, rsa.RSAPrivateKey):
            return b"ps256"
        raise ValueError("the key is neither EC, Ed25519 nor RSA")

    def signer(self) -> c2pa.Signer:
        """What the C2PA library signs with; no time stamp, which would need the network."""
        info = c2pa.C2paSignerInfo(self.algorithm, self.chain, self.key, None)
        return c2pa.Signer.from_info(info)


def _folder() -> Path:
    return Path(os.environ.get(FOLDER) or work_folder() / "signing").expanduser()


def _make(folder: Path) -> None:
    """A root and a signing certificate below it; whoever comes first in a race wins."""
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = _certificate(f"{NAME} (own root)", root_key, None, root_key)
    leaf = _certificate(NAME, key, root, root_key)
    pem = serialization.Encoding.PEM
    part = None
    try:
        part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".signing-"))  # mode 700
        (part / CHAIN).write_bytes(leaf.public_bytes(pem) + root.public_bytes(pem))
        (part / KEY).touch(0o600)
        (part / KEY).write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        os.rename(part, folder)
    except OSError as error:
        if part is not None:
            shutil.rmtree(part, ignore_errors=True)
        if not folder.is_dir():
            raise FailureError(
                "signing certificate", folder, f"cannot be written ({error.strerror})"
            ) from error


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    """As C2PA 2.x, section 14.5, wants them; without an issuer a root."""
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, NAME),
        ]
    )
    root = issuer is None
    usage = x509.KeyUsage(not root, False, False, False, False, root, root, False, False)
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(x509.BasicConstraints(root, 0 if root else None), True)
        .add_extension(usage, True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(above, False)
    )
    if not root:
        uses = [ExtendedKeyUsageOID.EMAIL_PROTECTION]
        made = made.add_extension(x509.ExtendedKeyUsage(uses), False)
    return made.sign(issuer_key, hashes.SHA256())
