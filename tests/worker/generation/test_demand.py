"""How many requests each client has sent lately, by which a full queue tells who is the busier one."""

from render_worker.generation.eviction import HALF_LIFE_SECONDS, Demand


def test_it_counts_each_client_and_halves_the_counts_with_time():
    now = 0.0
    demand = Demand(lambda: now)
    for client in "aaaab":
        demand.add(client)
    assert (demand["a"], demand["b"], demand["c"]) == (4, 1, 0)
    now = HALF_LIFE_SECONDS
    demand.add("c")
    assert (demand["a"], demand["b"], demand["c"]) == (2, 0.5, 1)
    now += 2.5 * HALF_LIFE_SECONDS
    demand.add("c")
    assert (demand["a"], demand["b"], demand["c"]) == (0.5, 0, 1)


def test_it_forgets_clients_and_counts_none_that_is_not_known():
    now = 0.0
    demand = Demand(lambda: now)
    for number in range(1000):
        demand.add(str(number))
    now = 3 * HALF_LIFE_SECONDS
    demand.add(None)
    assert (demand[None], len(demand._sent)) == (0, 0)
