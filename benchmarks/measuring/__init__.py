"""What the budgets are measured with: bare baselines, the work, its verification, and how results are kept and shown."""
