"""The checkout's own state: one folder, 0700, never committed."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def state_folder() -> Path:
    """The state folder, made on first use. `PORTAL_STATE` moves it elsewhere."""
    return private_folder(Path(os.environ.get("PORTAL_STATE") or ROOT / ".portal").absolute())


def private_folder(path: Path) -> Path:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step; nobody else can read it at any moment."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)


def kept(path: Path, text: str) -> str:
    """What the file says; if there is none yet, `text` becomes what it says for ever."""
    if not path.exists():
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        write_private(fresh, text)
        try:
            os.link(fresh, path)  # Unlike a rename this never replaces what another process just wrote.
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text(encoding="utf-8")


def secret_key() -> str:
    return kept(state_folder() / "secret-key", secrets.token_urlsafe(64)).strip()


def sealing_keys() -> str:
    """Make the key file if there is none, and say where it is, as `SEALING_KEYS` wants it."""
    path = state_folder() / "sealing-keys"
    key, digest = (base64.b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
    kept(path, f"k1 {key}\ndigest {digest}\n")
    return f"file:{path}"


def environment() -> dict[str, str]:
    """What the running demo wrote down about its servers; empty before the first start."""
    path = state_folder() / "environment"
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)
