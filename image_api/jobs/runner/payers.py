"""Whose budget the pictures of a job count on, each as it is made."""

from image_api.jobs.job import Job
from image_api.limits.budgets import Budget, Budgets
from image_api.limits.payers import BudgetPayer


def budget_of(job: Job, budgets: Budgets | None) -> Budget | None:
    """Return the budget of the key that submitted a job; None if it has none."""
    if job.payer is None or budgets is None:
        return None
    return Budget(budgets, job.payer["account"], job.payer["budget"])


def payer_of(job: Job, budgets: Budgets | None) -> BudgetPayer | None:
    """Return who pays for a job's pictures as they are made; how many there are was limited when it was submitted."""
    budget = budget_of(job, budgets)
    return BudgetPayer(budget) if budget else None
