"""`flask --app app keys`: what it prints, stores and refuses, with SQLite and with PostgreSQL."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from image_api.auth.api_key import KEY, hash_of
from image_api.key_entries import entries_of
from tests.api.auth.keys import declared, store_at
from tests.api.auth.test_api_keys import MAKE, sent
from tests.api.cli.conftest import flask, into_nothing
from tests.fakes.processes import wait_until

CREATE = ("keys", "create", "--name")


def key_of(done) -> str:
    """Return the key that a command printed alone."""
    assert (done.exit_code, bool(KEY.fullmatch(done.stdout.rstrip("\n")))) == (0, True), done
    return done.stdout.rstrip("\n")


class TestItWorks:
    def test_a_key_is_valid_from_its_creation_to_its_revocation(self, run, client_with, database_url):
        client = client_with(auth="keys", database_url=database_url)
        first = key_of(run(*CREATE, "blog"))
        assert client.get(MAKE, headers=sent(first)).status_code == 200
        second = key_of(run("keys", "rotate", "blog"))
        assert client.get(MAKE, headers=sent(second)).status_code == 200
        wait_until(lambda: client.get(MAKE, headers=sent(first)).status_code == 401, "the first one is replaced", 10)
        done = run("keys", "revoke", "blog")
        assert (done.exit_code, done.stdout) == (0, "")
        wait_until(lambda: client.get(MAKE, headers=sent(second)).status_code == 401, "the second one is revoked", 10)

    def test_its_options_are_stored_and_listed(self, run, database_url):
        options = ("--per-minute", "10", "--per-day", "200", "--budget", "1.50", "--expires", "90d")
        key = key_of(run(*CREATE, "blog", *options, "--scope", "admin", "--scope", "generate,jobs"))
        (found,) = json.loads(run("keys", "list", "--json").stdout)
        assert (found["per_minute"], found["per_day"], found["budget"], found["spent_today"]) == (
            10,
            200,
            "1.50",
            "0.00",
        )
        assert (found["scopes"], found["state"], found["declared"]) == (["generate", "jobs", "admin"], "valid", False)
        with store_at(database_url) as store:
            stored = store.key_of_hash(hash_of(key))
        assert stored.expires_at == pytest.approx(time.time() + 90 * 86_400, abs=300)
        text = run("keys", "list").stdout
        assert re.search(r"blog +valid +generate,jobs,admin +10/minute, 200/day, \$1.50/day +\$0.00 +20", text)
        for shown in (text, json.dumps(found)):
            assert key not in shown
            assert hash_of(key) not in shown

    def test_without_options_there_is_no_limit(self, run):
        key_of(run(*CREATE, "blog"))
        (found,) = json.loads(run("keys", "list", "--json").stdout)
        assert {found[it] for it in ("per_minute", "per_day", "budget", "expires_at", "revoked_at")} == {None}
        assert found["scopes"] == ["generate", "jobs"]


class TestPrintHash:
    def test_it_prints_the_key_and_its_entry_and_stores_nothing(self, tmp_path, client_with, run_with):
        options = ("--print-hash", "--per-minute", "3", "--budget", "0", "--expires", "12h", "--scope", "generate")
        done = run_with(database_url=f"sqlite:///{tmp_path}/none.db")(*CREATE, "blog", *options)
        key, entry = done.stdout.splitlines()
        assert not (tmp_path / "none.db").exists()
        (found,) = entries_of(entry)
        assert (found.name, found.sha256, found.per_minute, found.budget) == ("blog", hash_of(key), 3, 0)
        assert found.expires_at == pytest.approx(time.time() + 12 * 3600, abs=300)
        assert client_with(auth="keys", api_keys=entry).get(MAKE, headers=sent(key)).status_code == 200

    def test_declared_keys_are_listed_and_changed_nowhere_else(self, tmp_path, run_with):
        run = run_with(database_url=f"sqlite:///{tmp_path}/none.db", api_keys=declared("blog")[1])
        (found,) = json.loads(run("keys", "list", "--json").stdout)
        assert (found["name"], found["declared"], found["account"]) == ("blog", True, "key:env:blog")
        for command in ("rotate", "revoke"):
            done = run("keys", command, "blog")
            assert (done.exit_code, done.stdout, "API_KEYS" in done.stderr) == (1, "", True)
        assert not (tmp_path / "none.db").exists()

    def test_a_stored_one_of_the_same_name_can_be_changed(self, run_with, client_with, database_url):
        first = key_of(run_with(database_url=database_url)(*CREATE, "blog"))
        own, entry = declared("blog")
        run = run_with(database_url=database_url, api_keys=entry)
        client = client_with(auth="keys", database_url=database_url, api_keys=entry)
        rotated = run("keys", "rotate", "blog")
        second = key_of(rotated)
        revoked = run("keys", "revoke", "blog")
        for done in (rotated, revoked):
            assert done.stderr.endswith(
                "API_KEYS declares another key blog, which stays valid: change it there, too.\n"
            )
        assert [client.get(MAKE, headers=sent(it)).status_code for it in (first, second, own)] == [401, 401, 200]
        for command in (("keys", "revoke", "blog"), ("keys", "rotate", "blog"), (*CREATE, "blog")):
            assert (run(*command).exit_code, "API_KEYS declares the key blog" in run(*command).stderr) == (1, True)


class TestOutputThatCannotBeWritten:
    """A full disk, or a pipe whose reader has ended."""

    @pytest.mark.parametrize("command", [(*CREATE, "new"), ("keys", "rotate", "blog")], ids=lambda it: it[1])
    @pytest.mark.parametrize("closed", [False, True], ids=["full", "closed"])
    def test_what_to_do_about_its_key_is_said(self, tmp_path, run_with, command, closed):
        url = f"sqlite:///{tmp_path}/jobs.db"
        run = run_with(database_url=url)
        key_of(run(*CREATE, "blog"))
        done = into_nothing(*command, closed=closed, DATABASE_URL=url)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False)
        said = done.stderr.splitlines()[-1]
        assert said.startswith("Error: Its output cannot be written (")
        key_of(run(*re.search(r"flask --app app (keys rotate \w+)", said)[1].split()))

    @pytest.mark.parametrize(
        "command",
        [("keys", "list"), (*CREATE, "new", "--print-hash"), ("sign", "/generate?prompt=a", "--expires", "1d")],
    )
    def test_it_is_said_by_one_sentence(self, tmp_path, run_with, command):
        url = f"sqlite:///{tmp_path}/jobs.db"
        key_of(run_with(database_url=url)(*CREATE, "blog"))
        done = into_nothing(*command, DATABASE_URL=url)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False)
        assert done.stderr.splitlines()[-1].startswith("Error: Its output cannot be written (No space left on device)")


REFUSED = [
    ((*CREATE, "-x"), 2),
    ((*CREATE, "a" * 65), 2),
    (("keys", "create"), 2),
    ((*CREATE, "a", "--per-minute", "0"), 2),
    ((*CREATE, "a", "--per-day", "many"), 2),
    ((*CREATE, "a", "--budget", "-1"), 2),
    ((*CREATE, "a", "--scope", "all"), 2),
    ((*CREATE, "a", "--scope", ""), 2),
    ((*CREATE, "a", "--expires", "soon"), 2),
    ((*CREATE, "a", "--expires", "2020-01-01"), 2),
    ((*CREATE, "a", "--expires", "2027-02-30"), 2),
    (("keys", "rotate", "unknown"), 1),
    (("keys", "revoke", "unknown"), 1),
]


@pytest.mark.parametrize(
    ("arguments", "code"), REFUSED, ids=lambda it: " ".join(it[2:]) if isinstance(it, tuple) else ""
)
def test_what_cannot_be_done_is_said_by_one_sentence(run_with, arguments, code):
    done = run_with()(*arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert done.stderr.splitlines()[-1].startswith("Error: ")
    assert done.exception is None or isinstance(done.exception, SystemExit)


def test_a_name_is_used_once_and_a_revoked_key_is_over(run):
    key_of(run(*CREATE, "blog"))
    key_of(run(*CREATE, "old", "--expires", "1h"))
    run("keys", "revoke", "blog")
    for arguments in ((*CREATE, "blog"), (*CREATE, "old"), ("keys", "rotate", "blog"), ("keys", "revoke", "blog")):
        done = run(*arguments)
        assert (done.exit_code, done.stdout, done.stderr[:7]) == (1, "", "Error: ")


def test_a_database_out_of_reach_is_said():
    done = flask(*CREATE, "blog", DATABASE_URL="postgresql://ann:secret-word@127.0.0.1:1/none")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == "Error: The database of the jobs cannot be used now."
    assert "secret-word" not in done.stderr


def test_warnings_do_not_reach_the_output(tmp_path):
    environment = {"DATABASE_URL": f"sqlite:///{tmp_path}/jobs.db", "RENDER": "true", "PYTHONWARNINGS": "always"}
    done = flask(*CREATE, "blog", **environment, LOG_LEVEL="DEBUG", DEBUG="true")
    assert (done.returncode, bool(KEY.fullmatch(done.stdout.rstrip("\n")))) == (0, True)
    with store_at(environment["DATABASE_URL"]) as store:
        assert store.key_of_hash(hash_of(done.stdout.rstrip("\n"))).name == "blog"


def test_the_help_names_each_command(run_with):
    done = run_with()("keys", "--help")
    assert done.exit_code == 0
    for command in ("create", "list", "rotate", "revoke"):
        assert re.search(rf"^  {command} +\w.*[.]$", done.stdout, re.MULTILINE)


def test_processes_that_create_at_once_all_succeed_and_a_name_is_one_s(tmp_path, run_with):
    url = f"sqlite:///{tmp_path}/jobs.db"
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda name: flask(*CREATE, name, DATABASE_URL=url), ["a", "same", "same"]))
    assert [done[0].returncode, *sorted(it.returncode for it in done[1:])] == [0, 0, 1]
    assert len(json.loads(run_with(database_url=url)("keys", "list", "--json").stdout)) == 2
