"""A deadline and what is left of it."""

from __future__ import annotations

from visavis.runtime.budgets import Budget


def test_a_budget_runs_out() -> None:
    budget = Budget.of(0.5, now=10.0)
    assert budget.left(10.25) == 0.25
    assert not budget.is_spent(10.25)
    assert budget.is_spent(10.5)
    assert budget.left(11.0) == -0.5


def test_a_part_of_the_work_never_gets_more_time_than_the_whole() -> None:
    budget = Budget.of(0.5, now=10.0)
    assert budget.tightened(0.1, now=10.0) == Budget(10.1)
    assert budget.tightened(5.0, now=10.0) == budget
