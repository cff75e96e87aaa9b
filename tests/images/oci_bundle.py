"""The configuration of a container (OCI's config.json) that is confined as a service of compose.yaml is."""

from os import chown
from pathlib import Path
from typing import Any

Mount = dict[str, Any]

USUAL: tuple[Mount, ...] = (
    {"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
    {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"]},
    {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nodev", "mode=1777", "size=65536k"]},  # noqa: S108 - in there
    {"destination": "/sys", "type": "bind", "source": "/sys", "options": ["rbind", "ro", "nosuid", "noexec", "nodev"]},
    {"destination": "/etc/resolv.conf", "type": "bind", "source": "/etc/resolv.conf", "options": ["bind", "ro"]},
    {"destination": "/etc/hosts", "type": "bind", "source": "/etc/hosts", "options": ["bind", "ro"]},
)
"""Those of every container of Docker's, whose /dev/shm has 64 MiB."""


def bundle(
    root: Path, image: dict[str, Any], service: dict[str, Any], folder: Path, environment: dict[str, str]
) -> dict[str, Any]:
    """Return the configuration of a container with an image's file system and command.

    `image` is the image's own configuration, `service` what compose.yaml says of it. Volumes are made in `folder`.
    """
    uid, gid = user_of(root, image["User"])
    variables = {**dict(line.split("=", 1) for line in image["Env"]), **environment}
    volumes = [_volume(root, folder, *entry.split(":")) for entry in service.get("volumes", ())]
    return {
        "ociVersion": "1.0.0",
        "root": {"path": str(root), "readonly": service.get("read_only", False)},
        "process": {
            "user": {"uid": uid, "gid": gid},
            "args": [*(image.get("Entrypoint") or ()), *image["Cmd"]],
            "env": [f"{name}={value}" for name, value in variables.items()],
            "cwd": image["WorkingDir"],
            "noNewPrivileges": "no-new-privileges:true" in service.get("security_opt", ()),
            **({"capabilities": {}} if service.get("cap_drop") == ["ALL"] else {}),
        },
        "mounts": [*USUAL, *volumes, *(_tmpfs(*entry.partition(":")[::2]) for entry in service.get("tmpfs", ()))],
        "linux": {
            "namespaces": [{"type": name} for name in ("pid", "mount", "ipc", "uts")],
            "resources": {"pids": {"limit": service["pids_limit"]}},
        },
    }


def user_of(root: Path, name: str) -> tuple[int, int]:
    """Return the user id and group id of a name in an image's file system."""
    lines = (line.split(":") for line in (root / "etc/passwd").read_text().splitlines())
    return next((int(it[2]), int(it[3])) for it in lines if it[0] == name)


def _volume(root: Path, folder: Path, name: str, destination: str) -> Mount:
    """Make a volume, with the owner and mode of what the image has there, as Docker makes a new one."""
    path, in_image = folder / name, (root / destination.lstrip("/")).stat()
    path.mkdir()
    path.chmod(in_image.st_mode & 0o7777)
    chown(path, in_image.st_uid, in_image.st_gid)
    return {"destination": destination, "type": "bind", "source": str(path), "options": ["bind", "rw"]}


def _tmpfs(destination: str, options: str) -> Mount:
    return {
        "destination": destination,
        "type": "tmpfs",
        "source": "tmpfs",
        "options": ["nosuid", "nodev", "noexec", *options.split(",")],
    }
