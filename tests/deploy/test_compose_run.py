"""What `make compose-test` reads off a study."""

from deploy.test.compose import count_lost


def test_attempts_are_lost_if_another_one_follows_or_is_waited_for() -> None:
    trials = [
        {"state": "FINISHED", "attempts": 1},
        {"state": "FINISHED", "attempts": 3},
        {"state": "RUNNING", "attempts": 1},
        {"state": "PENDING", "attempts": 1},
        {"state": "PENDING", "attempts": 0},
    ]

    assert count_lost(trials) == 3
