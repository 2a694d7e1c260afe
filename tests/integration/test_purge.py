# SPDX-License-Identifier: Apache-2.0
"""`umbra purge` and where data are kept."""
import os
import sqlite3
import subprocess

from umbra import BINARY

CANARY = b"canary-4be1f0c7"


def run(*args, home=None):
    environment = dict(os.environ)
    environment.pop("XDG_STATE_HOME", None)
    if home:
        environment["XDG_STATE_HOME"] = str(home)
    return subprocess.run([BINARY, *args], env=environment, capture_output=True, text=True, timeout=60)


def store_with_canary(directory):
    """A store as the analyst leaves it, with the canary in all that it has."""
    directory.mkdir(parents=True)
    (directory / "umbra.db").touch(mode=0o600)
    assert run("purge", "--data", str(directory)).returncode == 0  # makes the tables
    database = sqlite3.connect(directory / "umbra.db")
    database.execute("INSERT INTO keys VALUES(1, ?, 'm', '1', '2')", (CANARY,))
    database.execute("INSERT INTO findings VALUES(1, ?, 1)", (CANARY,))
    for i in range(50):
        database.execute("INSERT INTO slots(key, level, begin_ns, end_ns, tally) VALUES(1, 0, ?, ?, ?)",
                         (i, i + 1, CANARY * 100))
        database.execute("INSERT INTO samples(finding, is_first, at_ns, size, sample) VALUES(1, 1, ?, 10, ?)",
                         (i, CANARY * (i * 20)))
    database.commit()
    return database


def has_canary(directory):
    return any(CANARY in path.read_bytes() for path in directory.rglob("*") if path.is_file())


def test_purge_leaves_no_byte_of_a_store_that_is_open(tmp_path):
    database = store_with_canary(tmp_path / "data")
    assert has_canary(tmp_path)
    done = run("purge", "--data", str(tmp_path / "data"))
    assert done.returncode == 0, done.stderr
    assert "50 samples" in done.stdout and "1 finding," in done.stdout and "50 slots" in done.stdout
    assert not has_canary(tmp_path)
    assert database.execute("SELECT count(*) FROM slots").fetchone() == (0,)
    database.close()


def test_purge_of_samples_keeps_the_rest(tmp_path):
    database = store_with_canary(tmp_path / "data")
    done = run("purge", "--data", str(tmp_path / "data"), "--samples")
    assert done.returncode == 0, done.stderr
    assert "50 samples" in done.stdout and "slot" not in done.stdout
    assert database.execute("SELECT (SELECT count(*) FROM slots), (SELECT count(*) FROM samples)").fetchone() == (50, 0)
    database.close()


def test_purge_without_data_erases_those_of_all_admin_addresses(tmp_path):
    for name in ("127.0.0.1:9900", "[::1]:9901"):
        store_with_canary(tmp_path / "umbra" / name).close()
    done = run("purge", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "127.0.0.1:9900" in done.stdout and "[::1]:9901" in done.stdout
    assert not has_canary(tmp_path)


def test_purge_says_what_can_not_be_erased(tmp_path):
    database = store_with_canary(tmp_path / "data")
    database.execute("PRAGMA user_version=99")
    database.commit()
    done = run("purge", "--data", str(tmp_path / "data"))
    assert done.returncode == 1
    assert "newer version" in done.stderr
    assert run("purge", "--data", str(tmp_path / "nowhere")).returncode == 1
    assert run("purge", "everything").returncode == 2
    nothing = run("purge", home=tmp_path / "empty")
    assert nothing.returncode == 0 and "nothing is kept" in nothing.stdout
    database.close()


def test_a_data_directory_that_can_not_be_used_ends_the_start(tmp_path):
    (tmp_path / "file").touch()
    done = run("run", "--listen", "127.0.0.1:0", "--live", "127.0.0.1:1", "--admin", "127.0.0.1:0", "--data",
               str(tmp_path / "file"))
    assert done.returncode == 1
    assert "--data" in done.stderr and "not a directory" in done.stderr
