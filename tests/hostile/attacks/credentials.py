"""Guessing: credentials that are invented, and what they cost the Hub and other clients."""

import requests

from tests.hostile.arena import Arena, Verdict, attack
from tests.hostile.wire import ask, flood, request

GUESSES = 400
MOST_CHECKS = 30  # of one client's guesses within this attack's seconds
OTHER_CLIENT = "127.0.0.2"


@attack(quick=True)
def invented_tokens(arena: Arena) -> Verdict:
    """400 invented access tokens of one client at AUTH=huggingface: how many reach the Hub, and another client."""
    site = arena.sandbox()
    server = arena.behind(arena.stand_in(), AUTH="huggingface", HUB_URL=f"{site.url}/hub")
    guesses = [_with_token(f"hf_unknown_{number}") for number in range(GUESSES)]
    guessed = flood(server.port, guesses)
    arena.tally += guessed
    checks = len(requests.get(f"{site.url}/sandbox/log", timeout=10).json())
    other = arena.tally.add(ask(server.port, _with_token("hf_read_ann"), OTHER_CLIENT))
    got = other.status if other else "no answer"
    refused = sum(count for outcome, count in guessed.outcomes.items() if outcome.startswith(("401 ", "429 ")))
    said = (
        f"{checks} checks at the Hub for {GUESSES} guesses, {GUESSES - refused} not refused; another client got {got}"
    )
    return Verdict(checks <= MOST_CHECKS and refused == GUESSES and got == 200, said)


def _with_token(token: str) -> bytes:
    return request("GET", "/generate?prompt=a", Authorization=f"Bearer {token}")
