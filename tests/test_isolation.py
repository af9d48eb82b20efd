"""What a converter child has given up before it opens a document. Real children, real hostile acts; after each the next is converted."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from paper_maker import MAIN, tokenizer_file

from errors import ConverterDied, Unreadable
from ingest.isolation import NOBODY
from ingest.sandbox import Converted, ConverterChild, Isolation, Limits
from records import Source

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process give up its network and folders")
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a child as another user")
LIMITS = Limits(timeout_s=20, memory_mb=1200)


@pytest.fixture(scope="module")
def child():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(MAIN / "tests"))
        with open_child() as child:
            child.start()
            yield child


def open_child(limits: Limits = LIMITS) -> ConverterChild:
    return ConverterChild(converter="rules", limits=limits, tokenizer_file=tokenizer_file(), opener="misbehaving")


def convert(child: ConverterChild, folder: Path, name: str, target: object = "") -> Converted:
    path, workdir = folder / f"{name}.pdf", folder / f"{name}.work"
    path.write_text(f"%PDF-1.4\n{target}\n")
    workdir.mkdir()
    source = Source(name=path.name, path=path, sha256=name.ljust(64, "0"), size=path.stat().st_size)
    return child.convert(source, conversion_id="c", workdir=workdir)


def came_of(child: ConverterChild, folder: Path, act: str, target: object) -> str:
    """What the child got by this act; an innocent document follows it."""
    found = convert(child, folder, act, target).chunks[0].text
    assert convert(child, folder, "after").chunks[0].text.startswith("Text of after")
    return found


def status_of(pid: int | None) -> dict[str, list[str]]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}


@pytest.fixture
def isolation(child) -> Isolation:
    assert child.isolation
    return child.isolation


def test_before_the_first_start_nothing_is_known_of_it():
    assert open_child().isolation is None


def test_there_is_no_network_not_even_loopback(child, isolation, tmp_path):
    if not isolation.network:
        pytest.skip("; ".join(isolation.reasons))
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(type=socket.SOCK_DGRAM) as mailbox:
        mailbox.bind(("127.0.0.1", 0))
        assert came_of(child, tmp_path, "connects", server.getsockname()[1]) in ("EACCES", "ENETUNREACH")
        assert convert(child, tmp_path, "sends", mailbox.getsockname()[1]).chunks[0].text == "ENETUNREACH"
        for listener in (server, mailbox):
            listener.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()
        with pytest.raises(TimeoutError):
            mailbox.recv(1)
    assert Path(f"/proc/{child.pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()


@AS_ROOT
def test_a_child_of_root_is_nobody_without_groups_and_capabilities(child, isolation):
    status = status_of(child.pid)
    assert status["Uid"] == status["Gid"] == [str(NOBODY)] * 4
    assert status["Groups"] == []
    assert {status[name][0].strip("0") for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {""}
    assert status["NoNewPrivs"] == ["1"]
    assert isolation.uid == NOBODY and isolation.no_new_privileges


@AS_ROOT
def test_what_root_alone_may_read_or_be_is_refused(child, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("root's")
    secret.chmod(0o600)
    tmp_path.chmod(0o755)
    assert came_of(child, tmp_path, "reads", secret) == "EACCES"
    assert convert(child, tmp_path, "becomes_root").chunks[0].text == "EPERM"


@AS_ROOT
def test_a_source_that_root_alone_may_read_is_converted(child, tmp_path):
    path, workdir = tmp_path / "good.pdf", tmp_path / "work"
    path.write_text("%PDF-1.4\n")
    path.chmod(0o600)
    workdir.mkdir(mode=0o700)
    source = Source(name="named otherwise.pdf", path=path, sha256="0" * 64, size=9)
    assert child.convert(source, conversion_id="c", workdir=workdir).chunks[0].text.startswith("Text of good")
    assert path.stat().st_uid == 0 and path.stat().st_nlink == 1


@AS_ROOT
def test_a_folder_for_temporary_files_that_only_root_can_enter_is_not_used(tmp_path, monkeypatch):
    tmp_path.chmod(0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(MAIN / "tests"))
    with open_child() as own:
        assert convert(own, tmp_path, "good").chunks


@AS_ROOT
def test_a_source_that_is_gone_is_unreadable_by_name(child, tmp_path):
    source = Source(name="gone.pdf", path=tmp_path / "gone.pdf", sha256="0" * 64, size=9)
    with pytest.raises(Unreadable, match=r"'gone.pdf': No such file"):
        child.convert(source, conversion_id="c", workdir=tmp_path)


def test_writing_outside_its_own_folder_is_refused_even_where_everybody_may(child, isolation, tmp_path):
    if not isolation.files:
        pytest.skip("; ".join(isolation.reasons))
    open_to_all = Path("/tmp", f"reread-test-{os.getpid()}")
    assert came_of(child, tmp_path, "writes", open_to_all) == "EACCES"
    assert not open_to_all.exists()


def test_its_parent_and_its_neighbours_cannot_be_killed(child, isolation, tmp_path):
    if isolation.uid is None and not _kernel_scopes_signals():
        pytest.skip("before Linux 6.12 a process may signal all of its own user")
    assert came_of(child, tmp_path, "kills", os.getpid()) == "EPERM"
    if _kernel_scopes_signals() and isolation.files:
        with open_child() as neighbour:
            neighbour.start()
            assert convert(child, tmp_path, "kills.neighbour", neighbour.pid).chunks[0].text == "EPERM"


def _kernel_scopes_signals() -> bool:
    return tuple(int(part) for part in platform.release().split(".")[:2]) >= (6, 12)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *[("link", name) for name in ("docling.json", "paper.md", "chunks.json", "figures/0.png")],
        *[("hard_link", name) for name in ("docling.json", "figures/0.png")],
        *[(kind, "docling.json") for kind in ("pipe", "folder", "too_large", "nothing")],
    ],
)
def test_a_result_that_is_no_plain_file_of_its_own_is_not_taken(child, tmp_path, kind, name):
    secret = tmp_path / "secret"
    secret.write_text("the host's")
    try:
        # The kernel refuses a hard link to what is not its own; one to its own file is a second name all the same.
        target = "moved" if kind == "hard_link" else secret
        convert(child, tmp_path, "plants", f"{kind} {name} {target}")
    except ConverterDied as error:
        assert "could not be used" in str(error) and Path(name).name in str(error)
    else:
        pytest.fail("it was taken")
    assert not is_left_in(tmp_path / "plants.work", b"the host's")
    assert convert(child, tmp_path, "after").chunks[0].text.startswith("Text of after")


def is_left_in(folder: Path, content: bytes) -> bool:
    return any(content in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_folder_of_figures_that_leads_elsewhere_is_not_taken(child, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "0.png").write_text("the host's")
    with pytest.raises(ConverterDied, match="could not be used"):
        convert(child, tmp_path, "plants", f"link figures {elsewhere}")
    assert not is_left_in(tmp_path / "plants.work", b"the host's")


@pytest.mark.parametrize("name", ["docling.json", "paper.md", "chunks.json"])
def test_a_result_that_is_no_text_is_not_taken(child, tmp_path, name):
    with pytest.raises(ConverterDied, match="could not be used"):
        convert(child, tmp_path, "plants", f"not_text {name} -")


def test_what_stood_in_the_work_folder_is_not_written_through(child, tmp_path):
    (tmp_path / "good.work").mkdir()
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / "good.work" / "paper.md").symlink_to(precious)
    path = tmp_path / "good.pdf"
    path.write_text("%PDF-1.4\n")
    source = Source(name="good.pdf", path=path, sha256="0" * 64, size=9)
    converted = child.convert(source, conversion_id="c", workdir=tmp_path / "good.work")
    assert precious.read_text() == "precious"
    assert converted.markdown.read_text(encoding="utf-8") == "# Märkdown" and not converted.markdown.is_symlink()


def test_no_file_of_a_document_is_left_to_the_next_and_none_when_the_child_ends(child, tmp_path):
    with open_child() as own:
        convert(own, tmp_path, "first")
        scratch = Path(f"/proc/{own.pid}/cwd").readlink()
        assert [path.name for path in scratch.iterdir()] == ["own"]
        convert(own, tmp_path, "digs_deep")
    assert not scratch.exists()


@AS_ROOT
def test_a_child_that_stays_root_says_so_and_still_has_no_network(child, tmp_path):
    with open_child(Limits(timeout_s=20, memory_mb=1200, uid=None)) as own:
        convert(own, tmp_path, "good")
        assert own.isolation and own.isolation.uid is None and own.isolation.network
        assert any(reason.startswith("user: ") for reason in own.isolation.reasons)


@AS_ROOT
def test_a_user_who_is_not_root_gives_up_the_network_too(tmp_path):
    """The child's first step alone, as nobody: the Python of this machine may be root's own, and then nobody cannot start it."""
    script = (
        "import ctypes, os, sys; from pathlib import Path; from ingest.isolation import change_user, confine\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "ctypes.CDLL(None).prctl(4, 1)\n"  # PR_SET_DUMPABLE: a process that was never root owns its own /proc
        "given_up = change_user(confine(Path('/tmp')), None)\n"
        "print(given_up.network, given_up.uid, os.getuid(), given_up.reasons)\n"
        "print(Path('/proc/self/status').read_text())"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=MAIN, check=True).stdout
    if "CapEff:\t0000000000000000" in said and said.startswith("False"):
        pytest.skip(f"this kernel lends no user namespace: {said.splitlines()[0]}")
    assert said.startswith("True None 65534 ('user: it runs as uid 65534")
    assert "CapEff:\t0000000000000000" in said and "CapPrm:\t0000000000000000" in said
